"""What a process has the racks do that it manages."""
