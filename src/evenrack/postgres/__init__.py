"""The launcher of a throw-away PostgreSQL server, for the lab and the tests."""
