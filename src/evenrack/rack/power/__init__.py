"""What a rack does with BMCs."""
