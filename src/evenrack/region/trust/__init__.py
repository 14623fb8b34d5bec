"""The cluster's certificates, and the keys that its secrets are kept under."""
