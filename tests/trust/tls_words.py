"""What two ends of TLS say to each other, and wait for."""


async def say(near, far, what=b"hello"):
    """Let one end say something, and wait until the other has heard it."""
    near.transport.write(what)
    await far.heard_it


async def both_ended(*ends):
    for end in ends:
        await end.ended
