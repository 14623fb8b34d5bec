"""The leader: who it is, what it watches, what it decides and writes."""
