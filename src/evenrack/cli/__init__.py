"""The command line: one file a noun, every command a client of the region's API or of the lab."""
