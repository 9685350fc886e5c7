"""Watches: what they measure, what they send, and how. They know the contracts and nothing of the platform."""
