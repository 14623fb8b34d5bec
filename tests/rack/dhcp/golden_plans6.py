"""Plans with IPv6 whose files are kept in golden6/, to be read by people and compared to the byte.

After a wanted change: `python -m tests.rack.dhcp.golden_plans6`, then read the difference.
"""

from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

from attrs import evolve

from evenrack.model.identifiers import RangeId, ReservationId, SnippetId, SubnetId, VlanId
from evenrack.model.network import Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.model.snippet import Snippet
from evenrack.rack.dhcp.dhcpd6_conf import dhcpd6_conf
from tests.rack.dhcp import golden_plans
from tests.rack.dhcp.golden_plans import service
from tests.strategies_dhcp import NASTY_NAMES

GOLDEN = Path(__file__).parent / "golden6"
MACHINES = (
    {"mac": "52:54:00:12:34:56"},
    {"duid": "00:02:00:00:ab:11:01:ff"},
    {"duid": "00:01:00:01:2a:2b:2c:2d:52:54:00:12:34:57"},
)


def subnet6(number, *spans, machines=(), **more):
    """Subnet fd00:NUMBER::/64 with servers, these ranges, and a reservation for each machine."""
    net = f"fd00:{number}:"
    return Subnet6(
        id=SubnetId(number),
        cidr=IPv6Network(f"{net}:/64"),
        ranges=tuple(
            Range6(
                id=RangeId(number * 10 + n),
                first=IPv6Address(f"{net}:{first}"),
                last=IPv6Address(f"{net}:{last}"),
            )
            for n, (first, last) in enumerate(spans)
        ),
        hosts=tuple(
            Reservation6(
                id=ReservationId(number * 100 + n), address=IPv6Address(f"{net}:{20 + n}"), **who
            )
            for n, who in enumerate(machines)
        ),
        **more,
    )


def serving6(*nets, half="whole", number=1, **more):
    """A VLAN with these IPv6 networks, and one of IPv4 with a range."""
    it = service(golden_plans.subnet(number), role="alone" if half == "whole" else "primary")
    return evolve(it, vlan=evolve(it.vlan, subnets6=nets, **more), half=half)


TOLD = {
    "dns_servers": (IPv6Address("fd00:1::53"), IPv6Address("2001:db8::53")),
    "ntp_servers": (IPv6Address("fd00:1::123"), IPv6Address("fd00:1::124")),
    "search_domains": ("example.com", "a.example"),
}
ODD = (("100", "104"), ("200", "200"))
"""Of five addresses and of one."""
FULL = subnet6(1, *ODD, machines=MACHINES, **TOLD)
FAR = Vlan(id=VlanId(9), name="far", subnets6=(subnet6(9, ("100", "1ff")),))
SNIPPETS = tuple(
    Snippet(id=SnippetId(n), level=level, of=of, text=text)
    for n, (level, of, text) in enumerate(
        (
            ("subnet", 1, "option dhcp6.info-refresh-time 600;"),
            ("pool", 1, "max-lease-time 300;"),
            ("host", 100, 'option dhcp6.bootfile-url "http://[fd00:1::2]/x";'),
        )
    )
)

PLANS6 = {
    "alone": (serving6(FULL),),
    "lower": (serving6(FULL, half="lower"),),
    "upper": (serving6(FULL, half="upper"),),
    "only-known": (serving6(subnet6(1, ("100", "1ff"), allow_unknown=False)),),
    "no-ranges": (serving6(subnet6(1, machines=MACHINES)),),
    "two-vlans": (
        serving6(subnet6(1, ("100", "1ff")), subnet6(2, ("100", "1ff")), half="lower"),
        serving6(subnet6(3, ("100", "1ff")), half="upper", number=3),
        service(golden_plans.subnet(4)),
    ),
    "relaying": (serving6(subnet6(1, ("100", "1ff")), half="upper", relayed=(FAR,)),),
    "only-relayed": (serving6(half="lower", relayed=(FAR,)),),
    "snippets": (serving6(FULL, half="lower", snippets=SNIPPETS),),
    "nasty": (serving6(subnet6(1, ("100", "1ff"), search_domains=NASTY_NAMES)),),
    "whole-network": (serving6(subnet6(1, ("1", "ffff:ffff:ffff:ffff")), half="upper"),),
}

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, plan in PLANS6.items():
        (GOLDEN / f"{name}.conf").write_text(dhcpd6_conf(plan))
