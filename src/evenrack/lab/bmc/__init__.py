"""The lab's BMCs: simulators that speak IPMI, each with a machine that keeps its state in files."""
