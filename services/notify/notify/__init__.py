"""Notify: tells people about an alert when the workflow says so, and tells the workflow when a person has answered."""
