"""What daemons and programs run on; it knows nothing of racks."""
