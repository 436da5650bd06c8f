"""Alerts: the log of them, who is told, and what is watched."""
