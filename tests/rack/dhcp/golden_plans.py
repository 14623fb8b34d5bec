"""Plans whose files are kept in golden/, to be read by people and compared to the byte.

After a wanted change: `python -m tests.rack.dhcp.golden_plans`, then read the difference.
"""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from evenrack.model.dhcp_plan import Peer, VlanService
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, RangeId, ReservationId, SubnetId, VlanId
from evenrack.model.network import Range, Reservation, Subnet, Vlan, VlanSettings
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from tests.strategies_dhcp import NASTY_NAMES, as_peer_has_it

GOLDEN = Path(__file__).parent / "golden"
OMAPI = OmapiAccess(port=7911, key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")


def subnet(number, *, ranges=True, hostnames=(), **more):
    """Subnet 10.NUMBER.0.0/24: a router, two servers of each kind, two ranges, reservations."""
    net = f"10.{number}.0"
    spans = [(f"{net}.100", f"{net}.149"), (f"{net}.200", f"{net}.219")] if ranges else []
    return Subnet(
        id=SubnetId(number),
        cidr=IPv4Network(f"{net}.0/24"),
        gateway=IPv4Address(f"{net}.1"),
        dns_servers=(IPv4Address("10.0.0.53"), IPv4Address("10.0.0.54")),
        ntp_servers=(IPv4Address("10.0.0.124"), IPv4Address("10.0.0.123")),
        domain=f"net{number}.example.com",
        ranges=tuple(
            Range(id=RangeId(number * 10 + n), first=IPv4Address(first), last=IPv4Address(last))
            for n, (first, last) in enumerate(spans)
        ),
        reservations=tuple(
            Reservation(
                id=ReservationId(number * 100 + n),
                mac=f"52:54:00:{number:02x}:00:{n:02x}",
                address=IPv4Address(f"{net}.{20 + n}"),
                hostname=hostname,
            )
            for n, hostname in enumerate(hostnames)
        ),
        **more,
    )


def service(*nets, role="primary", **settings):
    """A VLAN with these subnets, served by .2 of the first one, with .3 there as the peer."""
    net = nets[0].cidr
    return VlanService(
        vlan=Vlan(
            id=VlanId(nets[0].id),
            name=f"vlan {nets[0].id}",
            dhcp_on=True,
            settings=VlanSettings(**settings),
            subnets=nets,
        ),
        number=FleetNumber(1, 7),
        role=role,
        address=net[2],
        peer=None if role == "alone" else Peer(rack=RackId("rack0002"), address=net[3]),
    )


PRIMARY = service(subnet(1, hostnames=("m1", "m2")))
PLANS = {
    "alone": (service(subnet(1, hostnames=("m1", "m2")), role="alone"),),
    "primary": (PRIMARY,),
    "secondary": (as_peer_has_it(PRIMARY),),
    "primary-and-secondary": (
        PRIMARY,
        service(
            subnet(2),
            subnet(3, ranges=False, hostnames=("m3",)),
            role="secondary",
            lease_seconds=3600,
            max_response_delay=10,
            mclt=300,
            split=256,
        ),
    ),
    "only-reservations": (service(subnet(4, ranges=False, hostnames=("m4", ""))),),
    "nasty-names": (service(subnet(5, hostnames=NASTY_NAMES), role="alone"),),
    "nothing": (),
}


if __name__ == "__main__":
    for name, plan in PLANS.items():
        (GOLDEN / f"{name}.conf").write_text(dhcpd_conf(plan, OMAPI))
