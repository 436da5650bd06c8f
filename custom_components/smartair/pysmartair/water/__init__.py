"""The water of a zone: its cycle, its change, its schedule and its solution."""
