"""The guard of a pump: what it may do, what it is told, and what is seen of it."""
