"""Commands that a region process sends and a rack answers."""

from twisted.protocols import amp

from evenrack.errors import (
    ContentRefused,
    LeasesUnreadable,
    OrderOutdated,
    PartnerDownRefused,
    ProbeRefused,
    RecoverWaitRefused,
    StalePlan,
    TurnRefused,
)
from evenrack.model.dhcp_lease import lease_page_from_json, leases_asked_from_json
from evenrack.model.dhcp_probe import probe_answers_from_json, probed_from_json
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import rack_id_from_text, token_from_text
from evenrack.model.json_form import to_json
from evenrack.model.plan_outline import (
    content_from_json,
    contents_from_json,
    plan_outline_from_json,
)
from evenrack.model.power import (
    power_order_from_json,
    power_order_to_json,
    power_outcome_from_json,
    power_outcome_to_json,
)
from evenrack.model.rack_plan import rack_plan_from_json, rack_plan_to_json
from evenrack.model.vlan_change import vlan_change_from_json
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


class OfferPlan(amp.Command):
    """Region -> rack: this is your newest plan, but for the content of its VLANs.

    Answered with those contents that the rack lacks, and what it follows now: this plan, if it
    lacks none. It is offered again when they were sent (`TakeVlan`).
    """

    arguments = [(b"outline", Json(to_json, plan_outline_from_json))]
    response = [
        (b"missing", Json(to_json, contents_from_json)),
        (b"generation", Text(str, FleetNumber.from_text)),
        (b"fingerprint", Text(str, token_from_text)),
    ]
    errors = {StalePlan: StalePlan.wire_code}


class TakeVlan(amp.Command):
    """Region -> rack: this is a part of a VLAN's content, which you said that you lack.

    Parts come in their order, the first one again if somebody begins anew. The last one is answered
    when the rack has read the whole.
    """

    arguments = [
        (b"vlan", Text(str, token_from_text)),
        (b"length", amp.Integer()),
        (b"start", amp.Integer()),
        (b"text", amp.String()),
    ]
    response = []
    errors = {ContentRefused: ContentRefused.wire_code}


class ChangeVlan(amp.Command):
    """Region -> rack: a VLAN's content, which you said that you lack, follows so from one you have.

    In the place of `TakeVlan` where few of many reservations changed; answered when the rack has
    the whole. Refused where it has not the content that this one was made from.
    """

    arguments = [
        (b"vlan", Json(to_json, content_from_json, most_pieces=1)),
        (b"base", Json(to_json, content_from_json, most_pieces=1)),
        (b"change", Json(to_json, vlan_change_from_json)),
    ]
    response = []
    errors = {ContentRefused: ContentRefused.wire_code}


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


class ProbeAddresses(amp.Command):
    """Region -> rack: find out whether the hosts at these addresses of DHCP servers run.

    Answered within seconds with what each did when the rack connected to its failover port.
    Refused, for all, where one is not beside this rack. Changes nothing.
    """

    arguments = [(b"addresses", Json(to_json, probed_from_json, most_pieces=1))]
    response = [(b"answers", Json(to_json, probe_answers_from_json, most_pieces=1))]
    errors = {ProbeRefused: ProbeRefused.wire_code}


class EndRecoverWait(amp.Command):
    """Region -> rack: this rack never served the VLAN, so its server need not wait for mclt.

    Answered when the server has left failover state `recover-wait`. Refused in every other state,
    or with another peer. Sending it twice does nothing.
    """

    arguments = [(b"vlan", amp.Integer()), (b"peer", Text(str, rack_id_from_text))]
    response = []
    errors = {RecoverWaitRefused: RecoverWaitRefused.wire_code}


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


class ReadServed(amp.Command):
    """Region -> rack: tell what your DHCP server serves now, as the plans that you are sent say it.

    Answered with a piece of that plan's JSON and with the plan's fingerprint; what follows comes
    when it is asked again, with both the fingerprint and the bytes told so far as `start`. Of
    another plan than that one the first piece is answered. Changes nothing.
    """

    arguments = [(b"plan", Text(str, token_from_text)), (b"start", amp.Integer())]
    response = [
        (b"plan", Text(str, token_from_text)),
        (b"text", amp.String()),
        (b"more", YesNo()),
    ]
    errors = {}
