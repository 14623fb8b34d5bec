"""The lab's network: hosts as network namespaces, switches, and cables that can be cut."""
