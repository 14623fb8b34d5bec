"""Traffic of the lab: clients that want addresses all day long, and what they felt of a deed."""
