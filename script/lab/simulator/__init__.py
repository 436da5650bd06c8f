"""Simulated devices: physics below, the device's side of the protocol above, and a fleet of both."""
