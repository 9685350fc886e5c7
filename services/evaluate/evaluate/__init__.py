"""Evaluate: decides from accepted readings when an alert opens and when it clears."""
