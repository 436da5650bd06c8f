"""The lab: a real broker, a real Home Assistant and simulated devices for demo, tests and bench."""
