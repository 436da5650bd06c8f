"""Notices: what people are told of alerts, who is told, and what their answers do."""
