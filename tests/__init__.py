"""Tests of SmartAir."""
