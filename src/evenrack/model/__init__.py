"""What exists: frozen values, no input or output."""
