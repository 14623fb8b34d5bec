"""Orders for BMCs, questions to them, and who reaches them."""
