"""Alerts: the book of them, and the limits of what is measured."""
