"""Checks of racks, region processes and what connects them."""
