"""What automations use: what they target, what they may do, and what they remember."""
