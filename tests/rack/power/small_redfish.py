"""A Redfish service of our own, for what the emulator of others does not do.

It has sessions, keeps connections open, and says whatever a test gives it to say.
"""

import base64
import json

from attrs import define, field
from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer

from evenrack.model.power import BmcAccess
from tests.rack.power.redfish_farm import ADDRESS, PASSWORD, USER, fingerprint, own_certificate

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEMS = "/redfish/v1/Systems"
SYSTEM = "/redfish/v1/Systems/1"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
KINDS = ("On", "ForceOff", "ForceRestart", "GracefulShutdown")
AFTER = {"On": "On", "ForceOff": "Off", "ForceRestart": "On", "GracefulShutdown": "Off"}


@implementer(IOpenSSLServerConnectionCreator)
@define(kw_only=True, eq=False, slots=False)
class SmallRedfish(Resource):
    """One service with one system."""

    isLeaf = True
    clock: object
    identity: object = field(factory=own_certificate)
    chain: tuple = ()
    has_sessions: bool = True
    state: str = "Off"
    says: dict = field(factory=dict)
    """For `METHOD path`: a function of the request, in place of what would be answered."""
    kinds: tuple | None = KINDS
    etag: str = ""
    closes: bool = False
    """Each connection after one answer."""
    told: list = field(factory=list)
    heard: list = field(factory=list)
    """All requests, as `METHOD path`."""
    hosts: list = field(factory=list)
    """Whom they named as the one that is asked (RFC 9110, 7.2)."""
    credentials: list = field(factory=list)
    """Who asked, for each of them: nobody, basic, session, or wrong."""
    sessions: set = field(factory=set)
    tokens: int = 0
    connections: int = 0
    open: set = field(factory=set)

    def __attrs_post_init__(self):
        super().__init__()

    def listen(self):
        self.show(self.identity)
        site = self.site = Site(self, timeout=None, reactor=self.clock)
        site.displayTracebacks, site.noisy = False, False
        build = site.buildProtocol

        def counted(address):
            self.connections += 1
            protocol = build(address)
            self.open.add(protocol)
            return protocol

        site.buildProtocol = counted
        self.port = self.clock.listenSSL(0, site, self, interface=str(ADDRESS))
        return self

    def show(self, identity):
        """Show this certificate from the next connection on."""
        self.shown = ssl.CertificateOptions(
            privateKey=identity.key,
            certificate=identity.certificate,
            extraCertChain=list(self.chain) or None,
        )

    def serverConnectionForTLS(self, protocol):  # noqa: N802  Twisted's name
        return SSL.Connection(self.shown.getContext(), None)

    def access(self, **more):
        given = {
            "address": ADDRESS,
            "port": self.port.getHost().port,
            "user": USER,
            "password": PASSWORD,
            "driver": "redfish",
            "certificate_sha256": fingerprint(self.identity.certificate),
        }
        return BmcAccess(**given | more)

    def end(self):
        for each in self.open:
            if (transport := getattr(each, "transport", None)) is not None:
                transport.abortConnection()
        return self.port.stopListening()

    def render(self, request):
        path, method = request.path.decode(), request.method.decode()
        self.heard.append(f"{method} {path}")
        self.hosts.append(request.getHeader("host"))
        self.credentials.append(self._who(request))
        request.setHeader("content-type", "application/json")
        if self.closes:
            request.setHeader("connection", "close")
        say = self.says.get(f"{method} {path}")
        if say is not None:
            return say(request)
        if path == ROOT:
            return form(self._root())
        if path == SESSIONS and method == "POST":
            return self._begin(request)
        if self.credentials[-1] in {"nobody", "wrong"}:
            return refuse(request, 401)
        return self._inside(request, path, method)

    def _inside(self, request, path, method):
        if method == "DELETE" and path.startswith(SESSIONS):
            self.sessions.discard(path.rpartition("/")[2])
            return form({})
        if path == SYSTEMS:
            return form({"Members": [{"@odata.id": SYSTEM}]})
        if path == SYSTEM and method == "PATCH":
            boot = json.load(request.content)["Boot"]
            self.told.append((*boot.values(), request.getHeader("if-match")))
            return form({})
        if path == SYSTEM:
            if self.etag:
                request.setHeader("etag", self.etag)
            return form(self._system())
        if path == RESET and method == "POST":
            kind = json.load(request.content)["ResetType"]
            self.told.append(kind)
            self.state = AFTER[kind]
            return form({})
        return refuse(request, 404)

    def _root(self):
        links = {"Links": {"Sessions": {"@odata.id": SESSIONS}}} if self.has_sessions else {}
        return {"Systems": {"@odata.id": SYSTEMS}, **links}

    def _system(self):
        reset = {"target": RESET}
        if self.kinds is not None:
            reset["ResetType@Redfish.AllowableValues"] = list(self.kinds)
        return {"PowerState": self.state, "Actions": {"#ComputerSystem.Reset": reset}}

    def _begin(self, request):
        who = json.load(request.content)
        if who != {"UserName": USER, "Password": PASSWORD}:
            return refuse(request, 401)
        self.tokens += 1
        token = f"token-{self.tokens}"
        self.sessions.add(token)
        request.setResponseCode(201)
        request.setHeader("x-auth-token", token)
        request.setHeader("location", f"{SESSIONS}/{token}")
        return form({})

    def _who(self, request):
        token, given = request.getHeader("x-auth-token"), request.getHeader("authorization")
        if token is not None:
            return "session" if token in self.sessions else "wrong"
        if given is None:
            return "nobody"
        right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return "basic" if given == f"Basic {right}" else "wrong"


def form(value):
    return json.dumps(value).encode()


def refuse(request, status, **more):
    request.setResponseCode(status)
    return form(more)


def never(request):
    """Say nothing, for ever."""
    request.notifyFinish().addErrback(lambda _: None)
    return NOT_DONE_YET
