"""The language of the devices: topics, messages, and how each is read and written."""
