"""Checks of who is believed, and what is secret."""
