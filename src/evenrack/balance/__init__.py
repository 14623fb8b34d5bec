"""Who does what: pure decisions, no input or output."""
