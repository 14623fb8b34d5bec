"""Steps from one schema to the next, run by `evenrack-regiond migrate`."""
