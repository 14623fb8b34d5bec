"""The connections of racks: who may come in, what is said on them, and who is there."""
