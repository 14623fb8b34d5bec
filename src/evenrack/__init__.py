"""Highly available region and rack controllers for bare metal."""
