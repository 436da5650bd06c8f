"""Zones: their water, their sources, their entities and their settings."""
