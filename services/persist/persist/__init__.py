"""Persist: stores accepted readings, one row for each watch and event."""
