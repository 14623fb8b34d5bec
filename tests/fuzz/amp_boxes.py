"""How the input of a fuzzer becomes the bytes of a peer that speaks AMP, or does not.

The first byte says which: below 0x80 the rest is sent as it is; else it is a command, chosen by the
second byte, with one argument after the other, each as two bytes of length and its value. An
argument that is carried as JSON is one piece.
"""

from twisted.protocols import amp

from evenrack.wire.arguments import Json

LENGTH_BYTES = 2
ALL = b"\xff" * LENGTH_BYTES
RAW = b"\x00"
BOX = 0x80


def commands_of(module):
    """All commands of a module, in the order of their names."""
    found = [each for each in vars(module).values() if _is_command(each)]
    return sorted(found, key=lambda command: command.commandName)


def _is_command(each):
    return isinstance(each, type) and issubclass(each, amp.Command) and each is not amp.Command


def bytes_of(data, commands):
    """What the peer sends."""
    if len(data) < 2 or data[0] < BOX:
        return data[1:]
    command = commands[data[1] % len(commands)]
    box = amp.Box(_command=command.commandName, _ask=b"1")
    rest = data[2:]
    for name, kind in command.arguments:
        length = int.from_bytes(rest[:LENGTH_BYTES], "big")
        value, rest = rest[LENGTH_BYTES:][:length], rest[LENGTH_BYTES + length :]
        if isinstance(kind, Json):
            box[name] = b"1"
            box[name + b".0"] = value
        else:
            box[name] = value
    return box.serialize() + rest


def seed(commands, command, *values):
    """The input that is this command with these values."""
    kinds = [kind for _, kind in command.arguments]
    parts = [_length(*each) + each[1] for each in zip(kinds, values, strict=True)]
    return bytes([BOX, commands.index(command)]) + b"".join(parts)


def _length(kind, value):
    """JSON goes on to the end, so that it can be changed without its length."""
    return ALL if isinstance(kind, Json) else len(value).to_bytes(LENGTH_BYTES, "big")


def words_of(commands):
    """What a fuzzer does well to know of them."""
    names = {name for command in commands for name, _ in command.arguments}
    words = {b"_ask", b"_answer", b"_error", b"_error_code", b"_error_description", b"_command"}
    return sorted(words | names | {command.commandName for command in commands})
