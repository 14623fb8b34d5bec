"""A whole fleet on one machine: PostgreSQL, region processes and racks to look at and to break."""
