"""Commands that a rack sends and a region process answers."""

from twisted.protocols import amp

from evenrack.errors import (
    DatabaseUnreachable,
    EnrolmentRefused,
    NotTrusted,
    RackIdentityInUse,
    TooManyLinks,
    VersionRefused,
)
from evenrack.model.dhcp_report import dhcp_report_from_json
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import (
    failure_domain_from_text,
    host_name_from_text,
    token_from_text,
)
from evenrack.model.interface_list import interfaces_from_json
from evenrack.model.json_form import to_json
from evenrack.model.moments import as_text, moment_from_text
from evenrack.model.new_leases import lease_news_from_json
from evenrack.model.power import bmc_ids_from_json, phase_from_text
from evenrack.model.region_endpoints import endpoints_from_json, endpoints_to_json
from evenrack.wire.arguments import Json, Text

OF_THE_RACK_ITSELF: dict[type[Exception], bytes] = {
    DatabaseUnreachable: DatabaseUnreachable.wire_code,
    RackIdentityInUse: RackIdentityInUse.wire_code,
}
"""Errors where a rack tells of itself: another run of it may be the one that counts."""


class Enrol(amp.Command):
    """Rack -> region: let me join. The only command on a link without a certificate; one try.

    `lookup` names the enrolment secret, `request` is a signing request for the rack's key (PKCS
    #10, DER), `proof` shows that the rack knows the secret (`trust.enrolment`). Answered with the
    rack's certificate (DER), whom to trust (PEM), and the region's own proof over both.
    """

    arguments = [
        (b"lookup", Text(str, token_from_text)),
        (b"request", amp.String()),
        (b"proof", amp.String()),
        (b"hostname", Text(str, host_name_from_text)),
    ]
    response = [
        (b"certificate", amp.String()),
        (b"authorities", amp.String()),
        (b"proof", amp.String()),
    ]
    errors = {
        DatabaseUnreachable: DatabaseUnreachable.wire_code,
        EnrolmentRefused: EnrolmentRefused.wire_code,
    }


class Hello(amp.Command):
    """Rack -> region: here I am. Sent first and once on each link with a certificate.

    Which rack it is the certificate says. `run` names this run of the daemon, so that a copy of a
    rack is told from the rack. `generation` (`era.generation`) and `fingerprint` say which plan the
    rack follows; "0.0" and "" for none. `failure_domain` is what the rack fails together with, left
    out where it fails alone. Answered when the link is recorded in the database, or at
    once when no database is there.
    """

    arguments = [
        (b"protocol", amp.Integer()),
        (b"run", Text(str, token_from_text)),
        (b"hostname", Text(str, host_name_from_text)),
        (b"generation", Text(str, FleetNumber.from_text)),
        (b"fingerprint", Text(str, token_from_text)),
        (b"failure_domain", Text(str, failure_domain_from_text, optional=True)),
    ]
    response = [(b"process", amp.Unicode()), (b"link", amp.Unicode())]
    errors = {
        NotTrusted: NotTrusted.wire_code,
        RackIdentityInUse: RackIdentityInUse.wire_code,
        TooManyLinks: TooManyLinks.wire_code,
        VersionRefused: VersionRefused.wire_code,
    }


class RenewCertificate(amp.Command):
    """Rack -> region: my certificate is old; sign this request. The old one stays good.

    Answered with a certificate for the same rack (DER).
    """

    arguments = [(b"request", amp.String())]
    response = [(b"certificate", amp.String())]
    errors = {
        DatabaseUnreachable: DatabaseUnreachable.wire_code,
        EnrolmentRefused: EnrolmentRefused.wire_code,
    }


class ListAuthorities(amp.Command):
    """Rack -> region: whom should I trust? Answered with certificates, one after the other (PEM).

    `known` is the fingerprint of those whom the rack trusts when it asks.
    """

    arguments = [(b"known", Text(str, token_from_text))]
    response = [(b"authorities", amp.String())]
    errors = {DatabaseUnreachable: DatabaseUnreachable.wire_code}


class Ping(amp.Command):
    """Rack -> region: I am here, each second.

    `lease` is true when the answering process manages the rack: the rack may then act for 5 s,
    counted from when it sent the ping. `endpoints` is the fingerprint of the list of region
    processes; when it is neither the rack's own nor what this process told before, the rack asks
    for the list. `authorities` is that of whom to trust; the rack answers a new one with
    `ListAuthorities`. `clock` is the database's, as far as the region knows it, by which the rack
    sees whether its own is right.
    """

    arguments = []
    response = [
        (b"lease", amp.Boolean()),
        (b"endpoints", amp.Unicode()),
        (b"authorities", amp.Unicode()),
        (b"clock", Text(as_text, moment_from_text, optional=True)),
    ]


class ListEndpoints(amp.Command):
    """Rack -> region: where can every region process be dialled? Safe to repeat."""

    arguments = []
    response = [(b"endpoints", Json(endpoints_to_json, endpoints_from_json))]


class ReportLostLink(amp.Command):
    """Rack -> any region process: my link of this name is gone, whatever its other end believes.

    Only links of the rack that says so are touched. Safe to repeat.
    """

    arguments = [(b"link", Text(str, token_from_text))]
    response = []
    errors = {DatabaseUnreachable: DatabaseUnreachable.wire_code}


class Goodbye(amp.Command):
    """Rack -> region: my daemon is being stopped in order; its links end now."""

    arguments = []
    response = []
    errors = {DatabaseUnreachable: DatabaseUnreachable.wire_code}


class ReportInterfaces(amp.Command):
    """Rack -> any region process: these are all IPv4 addresses of my interfaces.

    Sent after each change, and now and then. Safe to repeat.
    """

    arguments = [(b"interfaces", Json(to_json, interfaces_from_json, most_pieces=4))]
    response = []
    errors = OF_THE_RACK_ITSELF


class ReportDhcp(amp.Command):
    """Rack -> any region process: this is what my DHCP server does, and what waits for its turn.

    Sent after each change, and now and then. Safe to repeat.
    """

    arguments = [(b"report", Json(to_json, dhcp_report_from_json, most_pieces=16))]
    response = []
    errors = OF_THE_RACK_ITSELF


class ReportLeases(amp.Command):
    """Rack -> any region process: my DHCP server has given leases to new clients.

    Sent every ten seconds at most. Some are named, the others counted. A region that was told twice
    tells twice.
    """

    arguments = [(b"news", Json(to_json, lease_news_from_json, most_pieces=4))]
    response = []
    errors = OF_THE_RACK_ITSELF


class ReportReach(amp.Command):
    """Rack -> any region process: these of the BMCs that my plan names answer me, and no others.

    Of those in `unknown` the rack does not know it yet; what the region knew of them stays. A rack
    of the version before leaves it out. Sent after each change, and now and then. Safe to repeat.
    """

    arguments = [
        (b"bmcs", Json(list, bmc_ids_from_json, most_pieces=16)),
        (b"unknown", Json(list, bmc_ids_from_json, most_pieces=16, optional=True)),
    ]
    response = []
    errors = OF_THE_RACK_ITSELF


class RecordPhase(amp.Command):
    """Rack -> region: I want to go from one phase of a power order to the next.

    Asked before the command of the phase is sent to the BMC. `recorded` is true when it is written
    down, also when it was before; false when this attempt has no right to the order any more.
    """

    arguments = [
        (b"order", amp.Integer()),
        (b"attempt", amp.Integer()),
        (b"before", Text(str, phase_from_text)),
        (b"after", Text(str, phase_from_text)),
    ]
    response = [(b"recorded", amp.Boolean())]
    errors = {DatabaseUnreachable: DatabaseUnreachable.wire_code}
