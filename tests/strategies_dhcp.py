"""Hypothesis strategies for what DHCP serves: legal values only, as the inventory lets them in.

Each subnet has a slot of its own in 10.0.0.0/8, which numbers everything in it too. So any VLANs
with different slots may be served together: no two subnets overlap, and no number comes twice.
"""

from ipaddress import IPv4Address, IPv4Network

from attrs import evolve
from hypothesis import strategies as st

from evenrack.model.boot import BOOT_FILES, BootSettings
from evenrack.model.dhcp_plan import Peer, VlanService
from evenrack.model.identifiers import (
    RackId,
    RangeId,
    ReservationId,
    SnippetId,
    SubnetId,
    VlanId,
)
from evenrack.model.network import Range, Reservation, Subnet, Vlan, VlanSettings
from evenrack.model.snippet import Snippet
from tests.strategies import fleet_numbers

MOST_SLOTS = 255
MOST_RANGE_ADDRESSES = 64
"""dhcpd makes a record for each address when it reads its file: small ranges keep it fast."""
RACKS = (RackId("rack0001"), RackId("rack0002"))
NASTY_NAMES = (
    'x"; execute("/bin/true"); option domain-name "y',
    'x"; } evil { "',
    "{}; # no comment",
    'back\\slash\\"',
    "\\042; deny booting;",
    "line\nend\r\n\ttab",
    "Zürich-東京-🖧",
    "\x7f\x1b[2J",
    " ",
)
"""Texts that would be statements, if anybody forgot to make a literal of them."""

SNIPPET_TEXTS = (
    "default-lease-time 600;",
    "if exists user-class {\n  option irc-server 10.0.0.7;  # for \\ } some\n}\n\n",
)

slots = st.integers(0, MOST_SLOTS)
host_names = st.sampled_from(NASTY_NAMES) | st.text(
    # no NUL, which PostgreSQL does not hold; 256 characters are at most 1,024 bytes
    st.characters(codec="utf-8", exclude_characters="\0"),
    max_size=256,
)
addresses = st.integers(1, 2**32 - 2).map(IPv4Address)
address_lists = st.lists(addresses, max_size=4, unique=True).map(tuple)
search_lists = st.lists(
    st.sampled_from(["example.com", "a.b-c.example.com", "x" * 63]), max_size=3
).map(tuple)
boot_settings = st.just(BootSettings()) | st.builds(
    BootSettings,
    next_server=st.sampled_from([None, "rack"]) | addresses,
    **{field: st.just("") | host_names for field in BOOT_FILES},
)


@st.composite
def vlan_settings(draw):
    """Settings within their limits."""
    least, usual, most = sorted(draw(st.tuples(*[st.integers(60, 31_536_000)] * 3)))
    return VlanSettings(
        lease_seconds=usual,
        max_response_delay=draw(st.integers(5, 600)),
        mclt=draw(st.integers(10, 86_400)),
        split=draw(st.integers(0, 256)),
        min_lease_seconds=draw(st.sampled_from([None, least])),
        max_lease_seconds=draw(st.sampled_from([None, most])),
        mtu=draw(st.none() | st.integers(576, 65_535)),
    )


@st.composite
def subnets(draw, slot=None):
    """One subnet of its slot: its first two hosts are left to the racks, as `rack_address` says."""
    slot = draw(slots) if slot is None else slot
    prefix = draw(st.integers(16, 29))
    place = draw(st.integers(0, 2 ** (prefix - 16) - 1))
    cidr = IPv4Network((10 << 24 | slot << 16 | place << (32 - prefix), prefix))
    ranges = draw(_ranges(slot, cidr))
    last = cidr.num_addresses - 2
    near_the_ends = sorted({*range(4, min(12, last + 1)), *range(max(4, last - 4), last + 1)})
    free = [cidr[n] for n in near_the_ends if is_free(cidr[n], ranges)]
    return Subnet(
        id=SubnetId(slot + 1),
        cidr=cidr,
        gateway=draw(st.none() | st.just(cidr[3])),
        dns_servers=draw(address_lists),
        ntp_servers=draw(address_lists),
        domain=draw(
            st.just("") | st.sampled_from(["example.com", "xn--zrich-kva.ch"]) | host_names
        ),
        search_domains=draw(search_lists),
        allow_unknown=draw(st.booleans()),
        ranges=ranges,
        reservations=draw(_reservations(slot, free)),
    )


@st.composite
def _ranges(draw, slot, cidr):
    """Up to two ranges that do not overlap; the last host of the subnet stays free."""
    offsets = st.integers(4, cidr.num_addresses - 3)
    ends = sorted(draw(st.lists(offsets, max_size=4, unique=True)))
    spans = [(first, min(last, first + MOST_RANGE_ADDRESSES - 1)) for first, last in pairs(ends)]
    return tuple(
        Range(id=RangeId(slot * 100 + number), first=cidr[first], last=cidr[last])
        for number, (first, last) in enumerate(spans, start=1)
    )


@st.composite
def _reservations(draw, slot, free):
    chosen = draw(st.lists(st.sampled_from(free), max_size=2, unique=True))
    return tuple(
        Reservation(
            id=ReservationId(slot * 100 + number),
            # the slot and number in it keep two subnets of one VLAN from having one card
            mac=f"{draw(st.sampled_from(['52:54:00', '02:ff:fe']))}:{slot:02x}:00:{number:02x}",
            address=address,
            hostname=draw(host_names),
            other_macs=tuple(
                f"02:ff:ff:{slot:02x}:{other:02x}:{number:02x}"
                for other in range(draw(st.integers(0, 2)))
            ),
        )
        for number, address in enumerate(chosen, start=1)
    )


@st.composite
def vlans(draw, *, least_subnets=0, in_slots=None):
    """One VLAN with up to three subnets, or with one in each slot given, and its DHCP on."""
    if in_slots is None:
        in_slots = draw(st.lists(slots, min_size=least_subnets, max_size=3, unique=True))
    number = VlanId(min(in_slots, default=MOST_SLOTS + 1) + 1)
    nets = tuple(draw(subnets(slot)) for slot in sorted(in_slots))
    return Vlan(
        id=number,
        name=draw(host_names),
        fabric=draw(st.sampled_from(["default", "storage"])),
        vid=draw(st.none() | st.integers(0, 4094)),
        dhcp_on=True,
        settings=draw(vlan_settings()),
        boot=draw(boot_settings),
        subnets=nets,
        snippets=draw(_snippets(number, nets)),
    )


@st.composite
def _snippets(draw, vlan, nets):
    """Up to three, each for the VLAN or for something on it."""
    places = [("vlan", vlan)]
    places += [(level, net.id) for net in nets for level in ("subnet", "pool")]
    places += [("host", it.id) for net in nets for it in net.reservations]
    chosen = draw(st.lists(st.sampled_from(places), max_size=3))
    return tuple(
        Snippet(
            id=SnippetId(vlan * 10 + number),
            level=level,
            of=of,
            text=draw(st.sampled_from(SNIPPET_TEXTS)),
        )
        for number, (level, of) in enumerate(chosen)
    )


@st.composite
def vlan_services(draw, *, in_slots=None, roles=("primary", "secondary", "alone")):
    """What the first rack of RACKS serves on one VLAN, with the second as its peer."""
    vlan = draw(vlans(least_subnets=1, in_slots=in_slots))
    role = draw(st.sampled_from(roles))
    peer = Peer(rack=RACKS[1], address=rack_address(vlan, 1))
    return VlanService(
        vlan=vlan,
        number=draw(fleet_numbers),
        role=role,
        address=rack_address(vlan, 0),
        peer=None if role == "alone" else peer,
    )


@st.composite
def dhcp_plans(draw, *, roles=("primary", "secondary", "alone")):
    """What the first rack of RACKS serves on up to three VLANs."""
    taken = draw(st.lists(slots, max_size=6, unique=True))
    cuts = sorted(draw(st.lists(st.integers(1, 5), max_size=2, unique=True)))
    groups = [taken[start:end] for start, end in zip([0, *cuts], [*cuts, 6], strict=True)]
    services = [draw(vlan_services(in_slots=group, roles=roles)) for group in groups if group]
    if len(services) > 1 and draw(st.booleans()):
        services = [relaying(services[0], *(it.vlan for it in services[1:]))]
    return tuple(sorted(services, key=lambda service: service.vlan.id))


def relaying(service, *vlans):
    """Give the service of a VLAN that relays these."""
    relayed = tuple(sorted(vlans, key=lambda vlan: vlan.id))
    return evolve(service, vlan=evolve(service.vlan, relayed=relayed))


def rack_address(vlan, number):
    """Give the address on the VLAN of the first (0) or second (1) rack of RACKS."""
    return vlan.subnets[0].cidr[1 + number]


def is_free(address, ranges):
    """Tell whether the address is in none of the ranges."""
    return not any(span.first <= address <= span.last for span in ranges)


def pairs(things):
    """Take things two by two; an odd last one is left out."""
    return list(zip(things[::2], things[1::2], strict=False))


def as_peer_has_it(service):
    """Give the service of the peer: same VLAN, other role, addresses mirrored."""
    return evolve(
        service,
        role={"primary": "secondary", "secondary": "primary"}[service.role],
        address=service.peer.address,
        peer=Peer(rack=RACKS[0], address=service.address),
    )
