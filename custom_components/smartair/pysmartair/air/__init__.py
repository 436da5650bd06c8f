"""The air: one word for it, and how well a room ventilates."""
