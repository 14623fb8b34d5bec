"""What a rack serves whose VLANs have very many reserved addresses."""

from ipaddress import IPv4Address, IPv4Network

from evenrack.model.dhcp_plan import DhcpPlan, Peer, VlanService
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, RangeId, ReservationId, SubnetId, VlanId
from evenrack.model.network import Range, Reservation, Subnet, Vlan

_FIRST_RESERVED = 1_000
"""Below it are the addresses of the servers, and those that whoever asks is given."""


def plan_with(reservations: int, vlans: int, *, generation: int = 5) -> DhcpPlan:
    """Spread so many reservations over so many VLANs, each with a network of its own."""
    each = reservations // vlans
    width = (each + _FIRST_RESERVED + 1).bit_length()
    return tuple(_service(number, each, width, generation) for number in range(1, vlans + 1))


def _service(number: int, reservations: int, width: int, generation: int) -> VlanService:
    cidr = IPv4Network(((10 << 24) + (number << width), 32 - width))
    subnet = Subnet(
        id=SubnetId(number),
        cidr=cidr,
        gateway=cidr[1],
        dns_servers=(cidr[1],),
        domain="example.org",
        ranges=(Range(id=RangeId(number), first=cidr[10], last=cidr[_FIRST_RESERVED - 1]),),
        reservations=tuple(
            _reservation(number * reservations + nth, cidr[_FIRST_RESERVED + nth])
            for nth in range(reservations)
        ),
    )
    return VlanService(
        vlan=Vlan(id=VlanId(number), name=f"vlan{number}", dhcp_on=True, subnets=(subnet,)),
        number=FleetNumber(1, generation),
        role="primary",
        address=cidr[2],
        peer=Peer(rack=RackId("rack0002"), address=cidr[3]),
    )


def _reservation(number: int, address: IPv4Address) -> Reservation:
    digits = f"{number:06x}"
    return Reservation(
        id=ReservationId(number),
        mac=f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:]}",
        address=address,
        hostname=f"machine{number}",
    )
