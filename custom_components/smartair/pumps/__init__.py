"""Pumps: their guards, their entities, their actions and their usage."""
