"""Whatever a Redfish service answers, at each point of a conversation.

It is read, or refused with an error that the driver promises. No link in it leads to another host,
and no word of it shows the password. An input begins with the point at which it comes.
"""

import json
from urllib.parse import urlsplit

from hyperlink import EncodedURL

from evenrack.errors import BmcBusy, BmcRefused, BmcRefusedPassword, BmcSilent
from evenrack.rack.power.rest.answers import (
    MOST_WORDS,
    kind_for,
    path_of,
    read_members,
    read_object,
    read_service,
    read_system,
    system_among,
)
from evenrack.rack.power.rest.refusals import login_refusal, refusal

HIDDEN = "s3cret"
HOST = "10.9.0.7"
CLASSES = {BmcBusy, BmcRefused, BmcRefusedPassword, BmcSilent}
SYSTEM = "/redfish/v1/Systems/1"


def _form(value):
    return json.dumps(value).encode()


SEEDS = (
    b"\0"
    + _form(
        {
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "Links": {"Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"}},
        }
    ),
    b"\0"
    + _form(
        {
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "SessionService": {"@odata.id": "/redfish/v1/SessionService"},
        }
    ),
    b"\1" + _form({"Members": [{"@odata.id": SYSTEM}, {"@odata.id": f"{SYSTEM}%20b"}]}),
    b"\2"
    + _form(
        {
            "PowerState": "On",
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
                    "ResetType@Redfish.AllowableValues": ["On", "ForceOff"],
                }
            },
            "Boot": {
                "BootSourceOverrideTarget@Redfish.AllowableValues": ["Pxe"],
                "BootSourceOverrideMode": "UEFI",
            },
        }
    ),
    b"\3"
    + _form(
        {
            "error": {
                "message": f"no {HIDDEN}",
                "@Message.ExtendedInfo": [{"MessageId": "Base.1.8.X", "Message": "No."}],
            }
        }
    ),
    b"\4/redfish/v1/SessionService/Sessions/7",
)
WORDS = [
    *(b'"@odata.id"', b'"/redfish/v1/', b"//", b"https://", b"@", b"%2e%2e", b"\\", b"?", b"#"),
    *(b'"Members"', b'"PowerState"', b'"target"', b'"error"', b'"Message"', HIDDEN.encode()),
    *(b"[", b"{", b"}", b"]", b"null", b"1e999", b'"\\ud800"'),
]


def run(data):
    """The first byte says at which point it comes."""
    point, body = (data[0] % len(POINTS) if data else 0), data[1:]
    try:
        POINTS[point](body)
    except (ValueError, BmcRefused) as problem:
        _harmless(str(problem))


def _root(body):
    service = read_service(read_object(body))
    _on_the_host(service.systems)
    if service.sessions is not None:
        _on_the_host(service.sessions)


def _members(body):
    members = read_members(read_object(body))
    for each in members:
        _on_the_host(each)
    for wanted in ("", "1"):
        _on_the_host(system_among(members, wanted))


def _system(body):
    system = read_system(read_object(body), SYSTEM)
    if system.reset is not None:
        _on_the_host(system.reset)
    if system.power not in {"on", "off", "unknown"}:
        raise AssertionError(f"no state: {system.power}")
    kind_for(system, ("On", "ForceOn"))


def _refusal(body):
    for status in (302, 400, 401, 403, 418, 500, 503):
        for found in (
            refusal(status, body, "On", hidden=(HIDDEN,), changes=True),
            login_refusal(status, body, hidden=(HIDDEN,)),
        ):
            _harmless(str(found))
            if type(found) not in CLASSES or HIDDEN in str(found):
                raise AssertionError(f"not as promised: {found!r}")


def _link(body):
    _on_the_host(path_of(body.decode(errors="surrogateescape")))


def _on_the_host(path):
    """What the client makes of it, and what others would, is a place on the BMC."""
    url = f"https://{HOST}:443{path}"
    for host in (urlsplit(url).hostname, EncodedURL.from_text(url).to_uri().host):
        if host != HOST:
            raise AssertionError(f"{path!r} leads to {host!r}")
    if not urlsplit(url).path.startswith("/redfish/") or not url.isascii():
        raise AssertionError(f"{path!r} leads out of the service")


def _harmless(words):
    if not words.isprintable() or len(words) > 20 * MOST_WORDS:
        raise AssertionError(f"not for people: {words[:200]!r}")


POINTS = (_root, _members, _system, _refusal, _link)
