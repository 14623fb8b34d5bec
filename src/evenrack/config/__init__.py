"""Files to frozen settings: read once, every problem reported at once."""
