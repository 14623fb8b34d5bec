"""Checks of power: what BMCs were told."""
