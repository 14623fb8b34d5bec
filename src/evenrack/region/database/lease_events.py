"""Events of new leases: one for each VLAN of which a rack tells any, and only the newest kept."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, text

from evenrack.model.dhcp_lease import DhcpLease
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.new_leases import LeaseNews, VlanNews
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number

KIND = "lease"

KEPT_EVENTS = 10_000
"""Of this kind: clients come and go for ever, and other events are kept."""


def record_new_leases(connection: Connection, rack: RackId, news: LeaseNews) -> None:
    """Write down what a rack tells; nothing of VLANs that are not there any more."""
    vlans = connection.execute(
        text("SELECT id, name FROM vlan WHERE id = ANY(:vlans)"),
        {"vlans": [each.vlan for each in news.vlans]},
    )
    names = {VlanId(row.id): str(row.name) for row in vlans}
    hostname = connection.execute(
        text("SELECT hostname FROM rack WHERE id = :rack"), {"rack": rack}
    ).scalar_one_or_none()
    if hostname is None:
        return
    record(connection, list(events_of(news, names, hostname)), current_number(connection))
    connection.execute(
        text(
            "DELETE FROM event WHERE kind = :kind AND id <= (SELECT id FROM event "
            "WHERE kind = :kind ORDER BY id DESC OFFSET :kept LIMIT 1)"
        ),
        {"kind": KIND, "kept": KEPT_EVENTS},
    )


def events_of(news: LeaseNews, vlans: Mapping[VlanId, str], rack: str) -> Iterator[Event]:
    """Give one event for each VLAN, and one for all VLANs that are not named."""
    for each in news.vlans:
        if each.vlan in vlans:
            yield _event(each, vlans[each.vlan], rack)
    if news.elsewhere:
        sentence = f"{rack} gave {_leases(news.elsewhere)} on other VLANs"
        yield Event(kind=KIND, object="dhcp", text=sentence, data={"more": news.elsewhere})


def _event(each: VlanNews, vlan: str, rack: str) -> Event:
    named = [_in_words(lease) for lease in each.leases]
    more = [f"and {each.more} more"] if each.more else []
    count = _leases(len(named) + each.more)
    return Event(
        kind=KIND,
        object=f"vlan:{vlan}",
        text=f"{vlan}: {rack} gave {count}: {'; '.join([*named, *more])}",
        data={
            "rack": rack,
            "leases": [_row(lease) for lease in each.leases],
            "more": each.more,
        },
    )


def _leases(count: int) -> str:
    return "a new lease" if count == 1 else f"{count} new leases"


def _in_words(lease: DhcpLease) -> str:
    row = _row(lease)
    about = ", ".join(row[key] for key in ("hostname", "vendor_class") if row[key])
    return f"{row['address']} to {_client(row)}" + (f" ({about})" if about else "")


def _client(row: dict[str, Any]) -> str:
    """Name a client by what it is known by: of IPv6 its DUID, which has the card mostly."""
    if row["duid"] is None:
        return row["mac"] or "a client"
    number = "" if row["iaid"] is None else f" (IAID {row['iaid']})"
    return f"DUID {row['duid']}{number}"


def _row(lease: DhcpLease) -> dict[str, Any]:
    return {
        "address": str(lease.address),
        "mac": _shown(lease.mac),
        "duid": _shown(lease.duid),
        "iaid": lease.iaid,
        "hostname": _shown(lease.hostname),
        "vendor_class": _shown(lease.vendor_class),
    }


def _shown(said: str | None) -> str | None:
    """Replace what no terminal should be sent, and PostgreSQL cannot hold: a client chose it."""
    if said is None:
        return None
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in said)
