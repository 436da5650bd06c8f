"""Devices: who is let in, what each says, and what all entities share."""
