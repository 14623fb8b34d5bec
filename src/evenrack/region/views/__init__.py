"""The fleet as operators see it."""
