"""Firmware: what fits a device, how one update goes, and how a rollout does."""
