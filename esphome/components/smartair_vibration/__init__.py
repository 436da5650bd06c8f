"""Vibration of pumps and fans, from an MPU6050 read at a thousand samples a second."""
