"""What programs and people see: JSON over HTTP."""
