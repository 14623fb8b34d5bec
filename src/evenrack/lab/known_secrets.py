"""Every secret of a lab, and where one of them stands where it must not."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from attrs import field, frozen

from evenrack.lab.fleet import Fleet
from evenrack.trust.certificates import identity_from_pem
from evenrack.trust.files import IDENTITY_FILE

SHORTEST = 8
"""Bytes: what is shorter is found by chance."""


@frozen(kw_only=True)
class KnownSecret:
    """A secret, and what it is to people."""

    what: str
    content: bytes = field(repr=False)

    @property
    def forms(self) -> set[bytes]:
        """Give the ways in which it may be written: as it is, in hexadecimal digits, in base64.

        Base64 in either alphabet, with or without the padding at its end.
        """
        raw = {self.content}
        padded = self.content.rstrip(b"=") + b"=" * (-len(self.content.rstrip(b"=")) % 4)
        for alphabet in (None, b"-_"):
            with suppress(ValueError):  # it is not in base64
                raw.add(base64.b64decode(padded, alphabet, validate=True))
        encoded = {
            base64.b64encode(each, alphabet).rstrip(b"=")
            for each in raw
            for alphabet in (None, b"-_")
        }
        digits = {each.hex().encode() for each in raw}
        return {each for each in raw | encoded | digits if len(each) >= SHORTEST}


def known_secrets(fleet: Fleet, more: Mapping[str, str]) -> list[KnownSecret]:
    """List the secrets of a lab, and others that a check has made, by what they are."""
    found = list(_in_files(fleet))
    found += [KnownSecret(what=what, content=text.encode()) for what, text in more.items()]
    return found


def leaks(content: bytes, secrets: Sequence[KnownSecret]) -> list[str]:
    """Name the secrets that stand in some bytes, in any form."""
    return [secret.what for secret in secrets if any(form in content for form in secret.forms)]


def _in_files(fleet: Fleet) -> Iterator[KnownSecret]:
    if fleet.bmcs:
        path = fleet.bmcs[0].folder.parent / "password"
        yield KnownSecret(what="the password of the BMCs", content=path.read_bytes().strip())
    for process in fleet.processes:
        if process.instance == 1:
            yield from keys_of(process.region, process.keys.read_text())
            yield from private_key(process.region, (process.state / IDENTITY_FILE).read_bytes())
    for rack in fleet.racks:
        omapi = rack.state / "omapi_key"
        if omapi.exists():
            yield KnownSecret(
                what=f"the OMAPI key of {rack.rack}", content=omapi.read_bytes().strip()
            )
        yield from private_key(rack.rack, (rack.state / IDENTITY_FILE).read_bytes())


def keys_of(region: str, key_file: str) -> Iterator[KnownSecret]:
    """Give each key of a key file: after a change it has more than one."""
    for line in key_file.split():
        name, _, key = line.partition(":")
        yield KnownSecret(what=f"the key {name} of {region}", content=key.encode())


def private_key(of: str, pem: bytes) -> Iterator[KnownSecret]:
    """Give a key as the number that it is, and as the line of the file that has most of it."""
    what = f"the private key of {of}"
    number = identity_from_pem(pem).key.private_numbers().private_value
    yield KnownSecret(what=what, content=number.to_bytes(32, "big"))
    yield KnownSecret(what=what, content=pem.splitlines()[2])
