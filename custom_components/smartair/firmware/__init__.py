"""Firmware: what there is, how one device is updated, and how a rollout goes."""
