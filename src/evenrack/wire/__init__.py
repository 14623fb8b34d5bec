"""How region and rack talk: AMP commands, the handshake, and the life of a link."""
