"""The plan of a lab's network, as pure values: hosts, networks, and a cable for each place of both.

Every host but a client hangs on the management network. Racks hang on VLANs too, so that each VLAN
has racks to choose from, and no two neighbouring VLANs have the same ones. A client hangs on one
VLAN only, where it has to ask for an address. Every rack reaches every BMC, over a network that has
nothing else on it; one host carries the addresses of all BMCs.
"""

from ipaddress import IPv4Network

from attrs import frozen

from evenrack.lab.refusals import LabRefused

SWITCH = "switch"
"""The namespace that holds the bridge of every network."""
POSTGRES_HOST = "postgres"
MANAGEMENT = "management"
BMC_NETWORK = "bmc"
BMC_HOST = "bmcs"
MOST_REPLICAS = 8
MOST_REGION_HOSTS = 89
MOST_RACKS = 150
MOST_VLANS = 99
MOST_CLIENTS = 99
MOST_BMCS = 99
_RACKS_ON_A_VLAN = 3
"""A pair, and one that can take over from either."""
_FIRST_REGION = 10
_FIRST_RACK = 100
_PREFIX = 24


@frozen(kw_only=True)
class Cable:
    """One cable from a host to the switch of a network."""

    host: str
    network: str
    address: str | None
    """The host's address at this end, with its network's prefix length; a client has none."""
    more_addresses: tuple[str, ...] = ()
    """Others that it has at this end."""

    @property
    def name(self) -> str:
        """What an operator calls it: `rack3:vlan2`."""
        return f"{self.host}:{self.network}"

    @property
    def switch_port(self) -> str:
        """The other end, in the switch; an interface's name has at most 15 characters."""
        return f"{self.host}-{'mgmt' if self.network == MANAGEMENT else self.network}"


@frozen(kw_only=True)
class NetworkPlan:
    """Everything of a lab that is made of network: the rest is programs."""

    hosts: tuple[str, ...]
    networks: tuple[str, ...]
    cables: tuple[Cable, ...]

    @property
    def vlans(self) -> tuple[str, ...]:
        """Name the VLANs: every network but the management's and the BMCs'."""
        others = {MANAGEMENT, BMC_NETWORK}
        return tuple(network for network in self.networks if network not in others)

    def cables_of(self, host: str) -> list[Cable]:
        """List the cables of a host, the management network's first."""
        return [cable for cable in self.cables if cable.host == host]

    def cut_off(self, down: frozenset[str]) -> frozenset[str]:
        """Name the hosts that nobody reaches while these cables are down."""
        return frozenset(
            cable.host
            for cable in self.cables
            if (cable.network == MANAGEMENT or cable.host == BMC_HOST) and cable.name in down
        )


def plan_network(
    *, region_hosts: int, racks: int, vlans: int, clients: int, bmcs: int = 0, replicas: int = 0
) -> NetworkPlan:
    """Plan the network of a lab of this size; BMCs that no rack could reach are left out."""
    _refuse_too_many(
        region_hosts=region_hosts, racks=racks, vlans=vlans, clients=clients, bmcs=bmcs
    )
    servers = {postgres_name(n): postgres_address(n) for n in range(1, replicas + 2)}
    regions = {f"region{host}": region_address(host) for host in range(1, region_hosts + 1)}
    rack_hosts = {f"rack{rack}": rack_address(rack) for rack in range(1, racks + 1)}
    on_management = {**servers, **regions, **rack_hosts}
    cables = [
        Cable(host=host, network=MANAGEMENT, address=f"{address}/{_PREFIX}")
        for host, address in on_management.items()
    ]
    for vlan in range(1, vlans + 1):
        cables += [
            Cable(
                host=f"rack{rack}",
                network=f"vlan{vlan}",
                address=f"{vlan_address(vlan, rack)}/{_PREFIX}",
            )
            for rack in racks_on_vlan(vlan, racks=racks, vlans=vlans)
        ]
    on_vlan = {f"client{number}": client_vlan(number, vlans) for number in range(1, clients + 1)}
    cables += [Cable(host=host, network=vlan, address=None) for host, vlan in on_vlan.items()]
    to_bmcs = _bmc_cables(racks=racks, bmcs=bmcs)
    return NetworkPlan(
        hosts=(*on_management, *on_vlan, *([BMC_HOST] if to_bmcs else [])),
        networks=(
            MANAGEMENT,
            *(f"vlan{vlan}" for vlan in range(1, vlans + 1)),
            *([BMC_NETWORK] if to_bmcs else []),
        ),
        cables=(*cables, *to_bmcs),
    )


def racks_on_vlan(vlan: int, *, racks: int, vlans: int) -> list[int]:
    """Say which racks hang on a VLAN: three of a round of neighbours, or as many as there are."""
    round_length = min(racks, vlans)
    return [rack for rack in range(1, racks + 1) if (rack - vlan) % round_length < _RACKS_ON_A_VLAN]


def client_vlan(client: int, vlans: int) -> str:
    """Say on which VLAN a client hangs: they go round."""
    return f"vlan{(client - 1) % vlans + 1}"


def postgres_name(number: int) -> str:
    """Name a PostgreSQL server and its host; the first needs no number."""
    return POSTGRES_HOST if number == 1 else f"{POSTGRES_HOST}{number}"


def postgres_address(number: int) -> str:
    """Give the address of a PostgreSQL server on the management network."""
    return f"10.77.0.{number}"


def region_address(host: int) -> str:
    """Give a region host's address on the management network."""
    return f"10.77.0.{_FIRST_REGION + host}"


def rack_address(rack: int) -> str:
    """Give a rack host's address on the management network."""
    return f"10.77.0.{_FIRST_RACK + rack}"


def vlan_address(vlan: int, rack: int) -> str:
    """Give a rack host's address on a VLAN."""
    return f"10.{100 + vlan}.0.{1 + rack}"


def vlan_subnet(vlan: int) -> IPv4Network:
    """Give the network of a VLAN's addresses."""
    return IPv4Network(f"10.{100 + vlan}.0.0/{_PREFIX}")


def bmc_address(bmc: int) -> str:
    """Give the address of a BMC."""
    return f"10.78.0.{bmc}"


def _bmc_cables(*, racks: int, bmcs: int) -> list[Cable]:
    """Hang every rack, and the host of the BMCs, on their network."""
    if not racks or not bmcs:
        return []
    first, *others = (f"{bmc_address(bmc)}/{_PREFIX}" for bmc in range(1, bmcs + 1))
    of_racks = [
        Cable(
            host=f"rack{rack}",
            network=BMC_NETWORK,
            address=f"{bmc_address(_FIRST_RACK + rack)}/{_PREFIX}",
        )
        for rack in range(1, racks + 1)
    ]
    of_bmcs = Cable(host=BMC_HOST, network=BMC_NETWORK, address=first, more_addresses=tuple(others))
    return [*of_racks, of_bmcs]


def _refuse_too_many(*, region_hosts: int, racks: int, vlans: int, clients: int, bmcs: int) -> None:
    limits = (
        ("region hosts", region_hosts, MOST_REGION_HOSTS),
        ("racks", racks, MOST_RACKS),
        ("VLANs", vlans, MOST_VLANS),
        ("clients", clients, MOST_CLIENTS),
        ("BMCs", bmcs, MOST_BMCS),
    )
    for what, number, most in limits:
        if not 0 <= number <= most:
            raise LabRefused(f"a lab with a network has at most {most} {what}, not {number}")
    if clients and not vlans:
        raise LabRefused("clients hang on VLANs, and this lab has none: give it --clients 0 too")
