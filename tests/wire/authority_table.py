"""Who may send each command and what is checked, as a table, with right arguments for each."""

from ipaddress import IPv4Address, IPv4Network

from attrs import evolve, frozen

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_lease import LeasesAsked
from evenrack.model.dhcp_probe import MOST_PROBED
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import BmcId, OrderId, ProcessId, RackId
from evenrack.model.new_leases import LeaseNews
from evenrack.model.plan_outline import content_of, outline_of
from evenrack.model.power import BmcAccess, BmcReach, PowerOrder
from evenrack.model.rack_plan import RackPlan
from evenrack.model.vlan_change import change_between
from evenrack.region.links.connected_racks import MOST_LINKS_OF_RACK
from evenrack.wire.rack_commands import (
    ApplyPlan,
    ChangeVlan,
    EndRecoverWait,
    OfferPlan,
    PowerBmc,
    ProbeAddresses,
    ReadLeases,
    ReadServed,
    TakePartnerDown,
    TakeTurn,
    TakeVlan,
)
from evenrack.wire.region_commands import (
    Enrol,
    Goodbye,
    Hello,
    ListAuthorities,
    ListEndpoints,
    Ping,
    RecordPhase,
    RenewCertificate,
    ReportDhcp,
    ReportInterfaces,
    ReportLeases,
    ReportLostLink,
    ReportReach,
)
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.wire.both_ends import RACK

OTHER = RackId("rack0007")
WORD = "hidden word"


@frozen(kw_only=True)
class Row:
    """One line of the table, and what the tests need to try it."""

    who: str
    checked: str
    says: dict
    """Right arguments."""
    told: tuple | None = None
    """What the process hears of it, with the rack's id in the second place."""


STRANGER = "who has no certificate; once a connection"
NEWCOMER = "a rack, by its certificate; once a connection"
GREETED = "a rack, by its certificate, after its hello"
ADMITTED = "a rack, by its certificate, once its hello is answered"
REGION = "a region process, by its certificate, after it answered the hello"
ITSELF = "it counts for the rack of the certificate only"
BELIEVED = "what a rack says of itself is believed, if by the tables this run of its daemon is it"
DHCP = DhcpReport(applied="", waiting="", running=False, vlans=(), errors=())
ORDER = PowerOrder(
    id=OrderId(7),
    attempt=2,
    bmc=BmcId(3),
    access=BmcAccess(address=IPv4Address("10.9.0.3"), user="me", password=WORD),
    action="cycle",
    phase="NEW",
    seconds_left=12.5,
)
LEASES = LeasesAsked(networks=(IPv4Network("10.1.0.0/24"),))
PLAN = RackPlan(rack=RACK, number=FleetNumber(1, 5), managed_by=ProcessId("region1/1"))

LACKING = dhcp_plan_for(dhcp_fleet({1: (1, 2)}, services={1: (1, 2)}), rack_id(1))
VLAN_SAYS = {
    "vlan": content_of(LACKING[0].vlan).sha256,
    "length": content_of(LACKING[0].vlan).length,
    "start": 0,
    "text": LACKING[0].vlan.as_json.encode(),
}
BEFORE = evolve(LACKING[0].vlan, name="before")
CHANGE_SAYS = {
    "vlan": content_of(LACKING[0].vlan),
    "base": content_of(BEFORE),
    "change": change_between(BEFORE, LACKING[0].vlan),
}

TABLE = {
    Enrol: Row(
        who=STRANGER,
        checked="the secret is known, open and not used up; the proof is of this connection and of "
        "this signing request; the request is for a P-256 key and signed with it. Which rack it "
        "is the region decides",
        says={"lookup": "look4321", "request": b"r", "proof": b"p", "hostname": "rack7"},
    ),
    Hello: Row(
        who=NEWCOMER,
        checked="the certificate is not revoked, and was not issued before the rack was; the "
        "version is spoken here; no other run of this rack answers on a link of its own; "
        f"the rack has fewer than {MOST_LINKS_OF_RACK} links here that answer; {ITSELF}",
        says={
            "protocol": 2,
            "run": "run1",
            "hostname": "rack1",
            "generation": BEFORE_ALL,
            "fingerprint": "",
        },
        told=("admit", RACK),
    ),
    RenewCertificate: Row(
        who=ADMITTED,
        checked="the request is for a P-256 key and signed with it; neither the certificate of the "
        "link nor all of the rack's are revoked; it is the rack's only renewal within a minute; "
        "the new certificate is for the rack of the old one",
        says={"request": b"r"},
        told=("renew", RACK),
    ),
    ListAuthorities: Row(
        who=ADMITTED, checked=ITSELF, says={"known": "abc"}, told=("authorities", RACK, "abc")
    ),
    Ping: Row(
        who=GREETED,
        checked="a lease is for the rack of the certificate, only from the process that manages "
        "it, and only on a link that is recorded",
        says={},
    ),
    ListEndpoints: Row(who=ADMITTED, checked="nothing more: it is told to every rack", says={}),
    ReportLostLink: Row(
        who=ADMITTED,
        checked=f"{ITSELF}: a link of another rack stays",
        says={"link": "abc"},
        told=("lost", RACK, "abc"),
    ),
    Goodbye: Row(
        who=ADMITTED,
        checked=f"{ITSELF}, and for the run of its hello",
        says={},
        told=("goodbye", RACK, "run1"),
    ),
    ReportInterfaces: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"interfaces": ()},
        told=("interfaces", RACK, ()),
    ),
    ReportDhcp: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"report": DHCP},
        told=("dhcp", RACK, DHCP),
    ),
    ReportLeases: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"news": LeaseNews(elsewhere=3)},
        told=("leases", RACK, LeaseNews(elsewhere=3)),
    ),
    ReportReach: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"bmcs": (BmcId(3),), "unknown": (BmcId(4),)},
        told=("reach", RACK, BmcReach(answering=(BmcId(3),), unknown=(BmcId(4),))),
    ),
    RecordPhase: Row(
        who=ADMITTED,
        checked="the order is this rack's under this attempt, has not ended, and is in one of the "
        "two phases",
        says={"order": 7, "attempt": 2, "before": "NEW", "after": "OFF_SENT"},
        told=("phase", RACK, 7, 2, ("NEW", "OFF_SENT")),
    ),
    OfferPlan: Row(
        who=REGION,
        checked="the plan is for this rack, and not older than the one that is followed; all its "
        "VLANs together have at most 256 MiB",
        says={"outline": outline_of(PLAN)},
    ),
    TakeVlan: Row(
        who=REGION,
        checked="the plan that was offered last lacks this content; it has the length and the "
        "SHA-256 that were said",
        says=VLAN_SAYS,
    ),
    ChangeVlan: Row(
        who=REGION,
        checked="the plan that was offered last lacks this content, and the one that is followed "
        "has the other; what becomes of it has the length and the SHA-256 that were said",
        says=CHANGE_SAYS,
    ),
    ApplyPlan: Row(
        who=REGION,
        checked="the plan is for this rack, and not older than the one that is followed",
        says={"plan": PLAN},
    ),
    TakeTurn: Row(
        who=REGION,
        checked=(
            "a plan of this fingerprint was checked and waits; "
            "the rack holds a lease of this process"
        ),
        says={"plan": "waiting"},
    ),
    TakePartnerDown: Row(
        who=REGION,
        checked="the rack's server is in a pair with this rack, and does not hear it; "
        "the rack holds a lease of this process",
        says={"vlan": 7, "dead": OTHER},
    ),
    ProbeAddresses: Row(
        who=REGION,
        checked=f"at most {MOST_PROBED} addresses are asked about, each in a network of the rack's "
        "own interfaces or that of a failover peer; the port is always that of failover; it "
        "changes nothing; the rack holds a lease of this process",
        says={"addresses": (IPv4Address("10.1.0.2"),)},
    ),
    EndRecoverWait: Row(
        who=REGION,
        checked="the rack's server is in a pair with this rack, and waits for mclt; "
        "the rack holds a lease of this process",
        says={"vlan": 7, "peer": OTHER},
    ),
    PowerBmc: Row(
        who=REGION,
        checked="no later order for this BMC and no later attempt was seen, and a look that is no "
        "order (id 0) only asks for the state while no order runs; the rack holds a lease",
        says={"order": ORDER},
    ),
    ReadLeases: Row(
        who=REGION,
        checked="at most 1,000 networks are asked about; it changes nothing, and the answer has "
        "leases of these networks only",
        says={"asked": LEASES},
    ),
    ReadServed: Row(
        who=REGION,
        checked="it changes nothing; what is answered was sent by a region process as a plan",
        says={"plan": "", "start": 0},
    ),
}
