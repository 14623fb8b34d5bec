"""BMCs and machines in PostgreSQL: what is done to them, and all of their rows."""

import secrets
from ipaddress import IPv4Address

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.region.database.bmc_reading import find
from evenrack.region.database.bmc_store import NewSecret, Wish, change, create, remove
from evenrack.region.database.leader_store import current_number
from evenrack.region.sealing import Sealer

CLEAR = "SESAME open"
TABLES = ("bmc", "machine", "event")


def sealer(*names):
    keys = tuple(Key(id=name, content=Secret(name.encode() * 32)) for name in names)
    return Sealer(keys=Keys(all=keys), token_bytes=secrets.token_bytes)


OLD = sealer("a")


def password(clear=CLEAR, sealed_with=OLD):
    return NewSecret(clear=Secret(clear.encode()), sealer=sealed_with)


def access(number, **more):
    address = IPv4Address("10.9.0.0") + number
    return {"driver": "ipmitool", "address": address, "user": "admin", **more}


def made(sessions, name, number=1, new_password=None, **more):
    wish = Wish(
        fields={"name": name, **access(number, **more)}, password=new_password or password()
    )
    return sessions.run(lambda c: create(c, "bmc", wish))


def made_machine(sessions, name, bmc):
    return sessions.run(lambda c: create(c, "machine", Wish(fields={"name": name}, bmc=bmc)))


def changed(sessions, noun, name, wish=None, /, if_number=None, **fields):
    wish = wish or Wish(fields=fields)
    return sessions.run(lambda c: change(c, noun, name, wish, if_number=if_number))


def removed(sessions, noun, name, if_number=None):
    return sessions.run(lambda c: remove(c, noun, name, if_number=if_number))


def found(sessions, noun, name):
    return sessions.run(lambda c: find(c, noun, name))


def number_of(sessions):
    return sessions.run(current_number)


def everything(sessions):
    """All that a refused change must leave alone."""
    rows = {
        table: sorted(sessions.rows(f"SELECT * FROM {table}"), key=str)  # noqa: S608  ours
        for table in TABLES
    }
    rows["bmc"] = [tuple(map(bytes_of, row)) for row in rows["bmc"]]
    return rows, number_of(sessions)


def bytes_of(value):
    return bytes(value) if isinstance(value, memoryview) else value
