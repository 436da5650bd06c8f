"""What the firmware tests stand on: a broker, the device as a process, MQTT ears, and ESPHome's command line."""
