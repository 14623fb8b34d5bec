"""Checks of DHCP, as clients feel it."""
