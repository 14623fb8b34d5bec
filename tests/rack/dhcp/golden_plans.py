"""Plans whose files are kept in golden/, to be read by people and compared to the byte.

After a wanted change: `python -m tests.rack.dhcp.golden_plans`, then read the difference.
"""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from attrs import evolve

from evenrack.model.boot import BootSettings
from evenrack.model.dhcp_plan import Peer, VlanService, shared_part
from evenrack.model.fleet_number import FleetNumber
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
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from tests.strategies_dhcp import NASTY_NAMES, as_peer_has_it, relaying

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


def with_other_cards(net, *macs):
    """The subnet whose first reservation is for these cards, too."""
    first, *others = net.reservations
    return evolve(net, reservations=(evolve(first, other_macs=macs), *others))


def booting(it, **settings):
    """The service of a VLAN whose machines boot so."""
    return evolve(it, vlan=evolve(it.vlan, boot=BootSettings(**settings)))


def snippet(number, level, of, text):
    """A snippet for the VLAN, subnet or reservation `of`."""
    return Snippet(id=SnippetId(number), level=level, of=of, text=text)


def with_snippets(it, *snippets):
    """The service of a VLAN that has these."""
    return evolve(it, vlan=evolve(it.vlan, snippets=snippets))


PHONES = """class "phones" {
  match if substring(option vendor-class-identifier, 0, 5) = "phone";  # } "
  option tftp-server-name "10.0.0.77";
}
"""
BOOT = {
    "next_server": "rack",
    "boot_bios": "pxelinux.0",
    "boot_uefi_x64": "x64/shim.efi",
    "boot_uefi_arm64": "arm64/grub.efi",
    "boot_http_x64": "https://boot.example.com/x64.efi",
    "boot_http_arm64": "http://10.0.0.80/arm64.efi",
    "boot_ipxe": "http://10.0.0.80/ipxe?mac=${net0/mac}",
}
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
            min_lease_seconds=60,
            max_lease_seconds=86400,
            mtu=9000,
        ),
    ),
    "several-cards": (
        service(
            with_other_cards(
                subnet(7, hostnames=("m7", "")), "52:54:00:07:01:00", "52:54:00:07:02:00"
            )
        ),
    ),
    "only-known": (
        service(
            subnet(6, hostnames=("m6",), search_domains=("a.example.com", "b"), allow_unknown=False)
        ),
    ),
    "only-reservations": (service(subnet(4, ranges=False, hostnames=("m4", ""))),),
    "nasty-names": (service(subnet(5, hostnames=NASTY_NAMES), role="alone"),),
    "boot": (
        booting(PRIMARY, **BOOT),
        booting(
            service(subnet(2), role="secondary"),
            next_server=IPv4Address("10.0.0.69"),
            boot_http_x64=NASTY_NAMES[0],
        ),
    ),
    "relaying": (
        relaying(
            booting(service(subnet(1, ranges=False), mclt=300), **BOOT),
            service(subnet(8, hostnames=("m8",)), subnet(9), lease_seconds=3600, mtu=9000).vlan,
            booting(
                service(subnet(10, allow_unknown=False)), next_server="rack", boot_bios="pxelinux.0"
            ).vlan,
            service(subnet(2, ranges=False)).vlan,
        ),
    ),
    "snippets": (
        shared_part(
            (
                snippet(1, "global", None, "option acme-boss code 222 = text;\n"),
                snippet(2, "global", None, PHONES),
            )
        ),
        with_snippets(
            service(subnet(8, hostnames=("m8", "m9"))),
            snippet(3, "vlan", 8, 'if exists acme-boss {\n  filename "{}#";  # { for some\n}\n'),
            snippet(4, "subnet", 8, 'option acme-boss "a\\303\\244";'),
            snippet(5, "pool", 8, 'allow members of "phones";'),
            snippet(6, "host", 801, "default-lease-time 60;"),
        ),
        service(subnet(9)),
    ),
    "relaying-snippets": (
        relaying(
            with_snippets(
                service(subnet(1, hostnames=("m1",))),
                snippet(1, "vlan", 1, "option www-server 10.0.0.81;"),
                snippet(3, "host", 100, "default-lease-time 61;"),
            ),
            with_snippets(
                service(subnet(8, hostnames=("m8", "m9"))),
                snippet(2, "vlan", 8, "option www-server 10.0.0.82;"),
                snippet(4, "subnet", 8, "option irc-server 10.0.0.84;"),
                snippet(5, "pool", 8, "deny dynamic bootp clients;"),
                snippet(6, "host", 801, "default-lease-time 62;"),
            ).vlan,
        ),
    ),
    "nothing": (),
}


if __name__ == "__main__":
    for name, plan in PLANS.items():
        (GOLDEN / f"{name}.conf").write_text(dhcpd_conf(plan, OMAPI))
