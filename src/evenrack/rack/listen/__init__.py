"""The program `evenrack-dhcp-listen`: hears which DHCP servers a rack's VLANs have."""
