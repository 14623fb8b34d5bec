"""Examples below a command's help; a test runs the syntax of each."""


def examples(*commands: str) -> str:
    """Write examples so that click keeps each on a line of its own."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
