"""The drill: promise by promise, break something in the lab and measure until it is right again."""
