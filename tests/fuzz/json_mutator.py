"""Changes the JSON in an input so that it stays JSON: any other change mostly ends at the brackets.

What stands before the first bracket and after the last one stays as it is.
"""

import json
import random
import re

STRANGE = (
    *(None, True, False, 0, -1, 1, 255, 65536, 2**31, 2**63, 10**400, 0.5, 1e308, float("inf")),
    *("", "\0", "\ud800", "a" * 300, "1.7", "10.0.0.1/24", "999.0.0.1", "é", [], {}, [[[]]], [{}]),
)
NESTED = "[" * 900 + "]" * 900

_JSON = re.compile(rb"[\[{].*[\]}]", re.DOTALL)


def mutated(data, most, seed):
    """Give the input with one to three changes of its JSON; None when it has none."""
    found = _JSON.search(data)
    if found is None:
        return None
    try:
        value = json.loads(found[0])
    except (ValueError, RecursionError):
        return None
    chance = random.Random(seed)  # noqa: S311  so that a run can be repeated
    for _ in range(chance.randint(1, 3)):
        value = _changed(value, chance)
    text = json.dumps(value)
    if chance.random() < 0.02:
        text = text.replace("[]", NESTED, 1)
    return (data[: found.start()] + text.encode() + data[found.end() :])[:most]


def _changed(value, chance):
    """Change one place, here or further in."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        return _changed_member(value, key, chance)
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        rest = value[:place], value[place + 1 :]
        kept = chance.choice(([], [value[place]] * 2, [_changed(value[place], chance)]))
        return [*rest[0], *kept, *rest[1]]
    if isinstance(value, str) and chance.random() < 0.5:
        place = chance.randrange(len(value) + 1)
        return (
            value[:place] + chance.choice(("", "\0", "/", ".", "-", "9", " ")) + value[place + 1 :]
        )
    if type(value) is int and chance.random() < 0.5:
        return value + chance.choice((-1, 1, 2**16, -(2**31)))
    return chance.choice(STRANGE)


def _changed_member(value, key, chance):
    deed = chance.random()
    rest = {name: each for name, each in value.items() if name != key}
    if deed < 0.1:
        return rest
    if deed < 0.2:
        return {**rest, chance.choice(("", "id", f"{key}s", "\ud800")): value[key]}
    if deed < 0.3:
        return {**value, key: value[chance.choice(sorted(value))]}
    return {**value, key: _changed(value[key], chance)}
