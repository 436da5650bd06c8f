"""The air: one word for it, of each device and of each room."""
