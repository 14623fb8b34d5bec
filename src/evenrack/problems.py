"""The catalogue of problems: what each means, who suffers, what to do.

The same entries feed `evenrack status`, events, API errors and `docs/problems.md`. An entry is
added here by the commit that can first report it.
"""

from attrs import frozen


@frozen(kw_only=True)
class Problem:
    """One kind of trouble that an operator can be told of."""

    code: str
    """Stable name, also the end of the problem's address in API errors."""
    severity: int
    """0 is worst; `status` shows the worst first."""
    meaning: str
    suffers: str
    do: str


_ENTRIES = (
    Problem(
        code="DatabaseUnreachable",
        severity=0,
        meaning="The region processes cannot reach PostgreSQL, or it finishes no change.",
        suffers="Changes and power orders are refused and nothing is rebalanced. Racks keep their "
        "links, and DHCP goes on.",
        do="Start PostgreSQL or mend the network to it; where it has standbys, see that one is the "
        "primary and another follows it (docs/database.md). All recovers by itself. "
        "The setting is `database:` in regiond.conf.",
    ),
    Problem(
        code="VlanUnserved",
        severity=0,
        meaning="A VLAN has DHCP on, and no connected rack serves it.",
        suffers="Clients of this VLAN get no address and cannot renew theirs. A server that the "
        "regions do not hear of may still answer.",
        do="Give a rack an address in a subnet of this VLAN, or bring back the racks of "
        "`evenrack dhcp status`.",
    ),
    Problem(
        code="CircuitBreaker",
        severity=1,
        meaning="So much was lost within a few seconds that the network is more likely to blame.",
        suffers="Nothing is moved but racks whose process is gone; no rack takes over the DHCP "
        "role of another. What still runs serves on.",
        do="Mend the network, or see why the hosts are down; it ends by itself when most are back "
        "or deleted. If they are really gone: `evenrack balance release`.",
    ),
    Problem(
        code="NoLeader",
        severity=1,
        meaning="No region process leads, so nothing is assigned or moved.",
        suffers="Racks whose managing process dies now stay unmanaged.",
        do="It should end within 5 s by itself. If not, look in the logs of every region process "
        "for why it could not take over the leadership.",
    ),
    Problem(
        code="RackUnmanaged",
        severity=2,
        meaning="A connected rack has no live region process that manages it.",
        suffers="New plans do not reach this rack.",
        do="It should end within a second by itself. If not, see who leads with `evenrack status` "
        "and look in that process's log.",
    ),
    Problem(
        code="ForeignDhcpServer",
        severity=2,
        meaning="A DHCP server that is no rack answers clients on a VLAN that has DHCP on.",
        suffers="Clients that take its offer get its address, router and DNS servers, perhaps one "
        "that is another client's; it may refuse leases of ours.",
        do="Find it by its MAC in the switches' tables, or by its address, and turn its DHCP off. "
        "If it is to serve the VLAN instead: `evenrack vlan set VLAN --dhcp-off`. It is over when "
        "no rack has heard it for 15 minutes, or for two and a half times foreign_probe_seconds.",
    ),
    Problem(
        code="PoolNearlyEmpty",
        severity=2,
        meaning="At most 5 % of a VLAN's addresses for whoever asks are free.",
        suffers="New clients get no address as soon as none is left; who has one keeps it.",
        do="Add a range now: `evenrack range create`. `evenrack dhcp leases` tells who has the "
        "addresses. When a server of the pair is dead for good, half of the free ones wait for "
        "`evenrack dhcp partner-down`.",
    ),
    Problem(
        code="Ipv6PoolNearlyEmpty",
        severity=2,
        meaning="At most 5 % of the IPv6 addresses that a VLAN's racks give away now are free.",
        suffers="New clients get no IPv6 address as soon as none is left; who has one keeps it.",
        do="Add a range now: `evenrack range create`. Each rack gives away its half of each range "
        "only: when one is lost, or waits for leases of another, bring it back, or wait "
        "(`evenrack dhcp status`). `evenrack dhcp leases` tells who has the addresses.",
    ),
    Problem(
        code="RackLost",
        severity=3,
        meaning="No region process has a connection to this rack.",
        suffers="The rack gets no plans. Its dhcpd goes on with its last plan.",
        do="See whether the rack host runs and reaches the regions: "
        "`systemctl status evenrack-rackd` there.",
    ),
    Problem(
        code="VlanNotRedundant",
        severity=3,
        meaning="A VLAN is served by one rack; a second one is missing, lost, or not ready.",
        suffers="Nobody now. When that rack is lost too, clients get no address; until then new "
        "ones get half of the free addresses.",
        do="Connect a second rack that has an address in a subnet of this VLAN, or bring back the "
        "one that is lost: `evenrack dhcp status`. It becomes a pair by itself. When the lost one "
        "is dead for good and addresses run short: `evenrack dhcp partner-down`.",
    ),
    Problem(
        code="PairNotNormal",
        severity=3,
        meaning="The two DHCP servers of a VLAN run, but do not agree that all is well.",
        suffers="Clients are served; new ones only from the free addresses of each server.",
        do="See that both racks reach each other's address on the VLAN at TCP port 647; "
        "`evenrack dhcp status` shows both sides.",
    ),
    Problem(
        code="PairInOneDomain",
        severity=3,
        meaning="Both racks of a VLAN are in one failure domain, as their rackd.conf say.",
        suffers="Nobody now. What takes that domain takes the whole DHCP of the VLAN.",
        do="A secondary is not moved by itself while it serves. Where the message names a rack of "
        "another domain: `evenrack vlan set VLAN --secondary-rack RACK`, and `--unpin` when "
        "`evenrack dhcp status` shows it. Else give such a rack an address on the VLAN, or correct "
        "`failure_domain`.",
    ),
    Problem(
        code="VlanNotApplied",
        severity=3,
        meaning="A rack's DHCP server has not the newest configuration of a VLAN.",
        suffers="The VLAN goes on as it was; its changes do not take effect on that rack.",
        do="Mend what the message names. A change also waits while the other rack of a pair is "
        "away, ten minutes at most; `evenrack dhcp status` shows both sides.",
    ),
    Problem(
        code="SnippetsRefused",
        severity=3,
        meaning="A rack's DHCP server does not take the newest global snippets.",
        suffers="Nobody: it goes on with those from before, and every VLAN gets its changes. What "
        "the new ones were for does not take effect on that rack.",
        do="Mend the snippet that the message quotes: `evenrack snippet list`, `evenrack snippet "
        "set NAME --file FILE`, or `--disable`. Where a VLAN's snippet still needs what a global "
        "one declares, change that one first.",
    ),
    Problem(
        code="BmcWithoutRack",
        severity=3,
        meaning="A BMC answers no connected rack.",
        suffers="Its machine cannot be switched; orders for it wait, and fail after a minute.",
        do="Give a rack an address in the BMC's network, or see whether the BMC is on and where "
        "its inventory says: `evenrack bmc show NAME`. Of a host name the racks' logs say whether "
        "they find its address. Racks of an older version may not be told of it: see "
        "`VersionMismatch`.",
    ),
    Problem(
        code="VersionMismatch",
        severity=3,
        meaning="A rack has an older version, and is not told of BMCs that it could not read.",
        suffers="Their machines can be switched by other racks only. An older rack knows BMCs with "
        "an IPv4 address that are asked by the program `ipmitool` with its defaults.",
        do="Upgrade evenrack on that rack: it is told of them as soon as it is back.",
    ),
    Problem(
        code="RackCloned",
        severity=3,
        meaning="A second daemon says that it is this rack; it is refused while the first answers.",
        suffers="The second host is not managed at all.",
        do="On the host that is the copy (both addresses are in the event), stop evenrack-rackd, "
        "remove its state folder and start it again: it gets an identity of its own.",
    ),
    Problem(
        code="PoolLow",
        severity=4,
        meaning="At most 10 % of a VLAN's addresses for whoever asks are free.",
        suffers="Nobody now. When none is left, new clients get no address; who has one keeps it.",
        do="Add a range (`evenrack range create`), let leases end sooner (`evenrack vlan set "
        "--lease-seconds`), or see with `evenrack dhcp leases` who has them. Of a pair whose "
        "servers do not hear each other only one half counts: `evenrack dhcp status`.",
    ),
    Problem(
        code="Ipv6PoolLow",
        severity=4,
        meaning="At most 10 % of the IPv6 addresses that a VLAN's racks give away now are free.",
        suffers="Nobody now. When none is left, new clients get no IPv6 address; who has one keeps "
        "it.",
        do="Add a range (`evenrack range create`), better a large one: twice what one rack needs. "
        "Only halves of racks that serve count: `evenrack dhcp status`. Or let leases end sooner "
        "(`evenrack vlan set --lease-seconds`).",
    ),
    Problem(
        code="Ipv6HalfLow",
        severity=4,
        meaning="At most 10 % of one rack's half of a VLAN's IPv6 ranges are free; the other rack "
        "has more.",
        suffers="Nobody now: new clients get addresses of the other rack. When that one is lost, "
        "they get none as soon as none is left of this half.",
        do="Add a range (`evenrack range create`): each rack gets half of it. `evenrack dhcp "
        "leases` tells who has the addresses.",
    ),
    Problem(
        code="RegionNotRedundant",
        severity=4,
        meaning="Only one region process runs.",
        suffers="Nobody now; every rack is unmanaged when that process dies.",
        do="Start a second region process, better on a second host: "
        "`systemctl start evenrack-regiond@2`.",
    ),
    Problem(
        code="SurvivesNoLoss",
        severity=4,
        meaning="For over ten minutes the loss of one more part would leave something unserved.",
        suffers="Nobody now. When a part that is named is lost, racks have no region process, a "
        "VLAN has no DHCP, or BMCs have no rack.",
        do="`evenrack status` names every such part, `evenrack balance plan --without PART` what "
        "would follow. Give what hangs on it a second rack, process or region host.",
    ),
    Problem(
        code="BalanceHeld",
        severity=4,
        meaning="An operator holds the balance: only forced moves are made.",
        suffers="Nobody now; what is uneven stays so.",
        do="`evenrack balance release`, when the reason for it is over.",
    ),
    Problem(
        code="DrainForgotten",
        severity=4,
        meaning="Something is drained for longer than its deadline, or without one for over a day.",
        suffers="Nobody now; there is less to fall back on.",
        do="`evenrack rack resume` or `evenrack region resume`, or drain it again with a new "
        "`--deadline`.",
    ),
    Problem(
        code="ClockSkew",
        severity=5,
        meaning="The clock of a region host or a rack differs by more than 5 s from the "
        "database's.",
        suffers="Nobody of a region host: evenrack takes times from the database. Of a rack: its "
        "DHCP server dates leases by it, and its peer goes by another time. The times in the "
        "host's log are wrong. A clock that is off by more than a day may take no certificate.",
        do="On that host see `timedatectl`, then `timedatectl set-ntp true` or start chrony. When "
        "every host is named, it is the clock of the database server that is wrong.",
    ),
    Problem(
        code="RackPartlyConnected",
        severity=5,
        meaning="A rack is connected to some of the live region processes, not to all.",
        suffers="Nobody now; the rack has fewer processes to fall back on.",
        do="See that the rack host reaches every RPC address of the missing processes; "
        "`evenrack region show` lists them.",
    ),
    Problem(
        code="PlanNotApplied",
        severity=5,
        meaning="A managed rack has not confirmed its newest plan.",
        suffers="The rack goes on with an older plan.",
        do="Look in the rack daemon's log for the plan's number and the reason.",
    ),
)

CATALOGUE: dict[str, Problem] = {entry.code: entry for entry in _ENTRIES}
