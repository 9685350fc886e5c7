"""Escalations in virtual time: notify's own decisions, a model of the workflow around them, and clocks that jump."""
