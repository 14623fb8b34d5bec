"""The inventory in PostgreSQL: what is done to it, and all of its rows."""

from ipaddress import IPv4Address

from evenrack.region.database.inventory_reading import find
from evenrack.region.database.inventory_store import change, create, remove
from evenrack.region.database.leader_store import current_number

MAC = "52:54:00:12:34:56"
TABLES = ("vlan", "subnet", "ip_range", "reservation", "dhcp_service", "managing", "event")


def ip(text):
    return IPv4Address(text)


def made(sessions, noun, inside=None, /, **fields):
    return sessions.run(lambda c: create(c, noun, fields, inside=inside))


def changed(sessions, noun, name, inside=None, /, if_number=None, **fields):
    return sessions.run(lambda c: change(c, noun, name, fields, inside=inside, if_number=if_number))


def removed(sessions, noun, name, if_number=None):
    return sessions.run(lambda c: remove(c, noun, name, if_number=if_number))


def found(sessions, noun, name):
    return sessions.run(lambda c: find(c, noun, name))


def number_of(sessions):
    return sessions.run(current_number)


def rows_of(sessions, table):
    return sessions.rows(f"SELECT * FROM {table}")  # noqa: S608  a name of ours


def everything(sessions):
    """All that a refused change must leave alone."""
    tables = {table: sorted(rows_of(sessions, table), key=str) for table in TABLES}
    return tables, number_of(sessions)
