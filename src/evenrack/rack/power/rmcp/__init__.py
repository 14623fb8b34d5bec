"""A client of IPMI 2.0 over RMCP+: one session with one BMC, in this process."""
