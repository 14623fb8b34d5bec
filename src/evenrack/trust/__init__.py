"""Who may speak: certificates of the cluster's own authority, enrolment, and TLS."""
