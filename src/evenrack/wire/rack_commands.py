"""Commands that a region process sends and a rack answers."""

from twisted.protocols import amp

from evenrack.errors import (
    LeasesUnreadable,
    OrderOutdated,
    PartnerDownRefused,
    StalePlan,
    TurnRefused,
)
from evenrack.model.dhcp_lease import lease_page_from_json, leases_asked_from_json
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import rack_id_from_text, token_from_text
from evenrack.model.json_form import to_json
from evenrack.model.power import (
    power_order_from_json,
    power_order_to_json,
    power_outcome_from_json,
    power_outcome_to_json,
)
from evenrack.model.rack_plan import rack_plan_from_json, rack_plan_to_json
from evenrack.wire.arguments import Json, Text, YesNo


class ApplyPlan(amp.Command):
    """Region -> rack: this is your newest plan. Sent after each change and after each connect.

    Answered with the number (`era.generation`) and fingerprint of the plan that the rack now
    follows; sending a plan twice does nothing. A plan older than the rack's own is refused.
    """

    arguments = [(b"plan", Json(rack_plan_to_json, rack_plan_from_json))]
    response = [
        (b"generation", Text(str, FleetNumber.from_text)),
        (b"fingerprint", Text(str, token_from_text)),
    ]
    errors = {StalePlan: StalePlan.wire_code}


class TakeTurn(amp.Command):
    """Region -> rack: restart your DHCP server now, for the checked plan with this fingerprint.

    Answered when it runs again. Refused when another plan, or none, waits for its turn; then
    nothing was done. Sending it twice does nothing: what is applied waits no more. With `ends` the
    rack's peer has left it a role for a few seconds: it must not be late.
    """

    arguments = [(b"plan", Text(str, token_from_text)), (b"ends", YesNo(optional=True))]
    response = []
    errors = {TurnRefused: TurnRefused.wire_code}


class TakePartnerDown(amp.Command):
    """Region -> rack: the other server of this VLAN's pair is dead for good; take over its part.

    Answered when the rack's server is in failover state `partner-down`, with the seconds (mclt)
    after which it gives away the other's free addresses too. Refused where that server may live:
    nothing was done then. Sending it twice does nothing.
    """

    arguments = [(b"vlan", amp.Integer()), (b"dead", Text(str, rack_id_from_text))]
    response = [(b"mclt", amp.Integer())]
    errors = {PartnerDownRefused: PartnerDownRefused.wire_code}


class PowerBmc(amp.Command):
    """Region -> rack: carry out this power order, and say how it ended.

    Answered when it has ended, up to a minute and a half later. Sending the same attempt twice is
    harmless: it is carried out once, and both are answered alike. An older attempt, or an older
    order for the same BMC, is refused.
    """

    arguments = [(b"order", Json(power_order_to_json, power_order_from_json, most_pieces=1))]
    response = [(b"outcome", Json(power_outcome_to_json, power_outcome_from_json, most_pieces=1))]
    errors = {OrderOutdated: OrderOutdated.wire_code}


class ReadLeases(amp.Command):
    """Region -> rack: tell which leases of these networks your DHCP server wrote down.

    Answered with some of them in the order of their addresses, and whether there are higher ones:
    those come when it is asked again, with the last address as `after`. Changes nothing.
    """

    arguments = [(b"asked", Json(to_json, leases_asked_from_json, most_pieces=1))]
    response = [(b"page", Json(to_json, lease_page_from_json, most_pieces=16))]
    errors = {LeasesUnreadable: LeasesUnreadable.wire_code}
