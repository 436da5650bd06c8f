"""How fast and how small SmartAir is, beside Home Assistant's own MQTT discovery and beside the least one can do."""
