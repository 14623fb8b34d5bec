"""What a rack does with ISC dhcpd."""
