"""The engine that spreads items over bins, event by event: an event costs what it changes."""
