"""The region process: meets its fellows in PostgreSQL and serves racks and operators."""
