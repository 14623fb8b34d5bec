"""A BMC of our own that speaks suites 3 and 17, with the faults that a test asks for.

No free simulator speaks suite 17. It shares no code with the client that is tested against it:
`ipmitool` proves it. It handles one datagram after the other, as BMCs do, and drops a sequence
number that it has had (IPMI 2.0, 6.12.13).
"""

import hashlib
import hmac
import os
import struct
from ipaddress import ip_address

from attrs import define, field
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol

from evenrack.model.power import BmcAccess

USER, PASSWORD = "operator", "all of twenty bytes!"
SUITES = {3: ((1, 1, 1), hashlib.sha1, 12), 17: ((3, 4, 1), hashlib.sha256, 16)}
RMCP = b"\x06\x00\xff\x07"
POWER = {0: "off", 1: "on", 2: "cycle", 3: "reset", 5: "soft"}
COMMANDS = {
    (6, 0x38): "capabilities",
    (6, 0x3B): "privilege",
    (6, 0x3C): "close",
    (0, 0x01): "status",
    (0, 0x02): "control",
    (0, 0x08): "boot",
}


@define(kw_only=True, eq=False)
class BmcSession:
    """A session of the BMC, half open or open."""

    suite: int
    console: int
    number: int
    level: int
    role: bytes = b""
    console_random: bytes = b""
    bmc_random: bytes = b""
    k1: bytes = b""
    k2: bytes = b""
    is_open: bool = False
    sent: int = 0
    had: set = field(factory=set)

    def mac(self, key, text):
        return hmac.new(key, text, SUITES[self.suite][1]).digest()

    @property
    def code_bytes(self):
        return SUITES[self.suite][2]


@define(kw_only=True, eq=False, slots=False)
class SuiteBmc(DatagramProtocol):
    """One BMC with its machine."""

    clock: object = reactor
    suites: tuple = (17, 3)
    user: str = USER
    password: str = PASSWORD
    k_g: bytes = b""
    most_privilege: int = 4
    state: str = "off"
    takes: dict = field(factory=dict)
    """Seconds for the answer to a command, by its name in COMMANDS or a kind of payload."""
    loses: dict = field(factory=dict)
    """How many of the next answers are lost, by the same names; -1 for all."""
    misses: dict = field(factory=dict)
    """How many of the next questions are lost on their way here."""
    codes: dict = field(factory=dict)
    """The completion code (or status) of a command, by the same names; an iterator: in turn."""
    no_suite: int = 0x11
    """The status for a suite that is not among `suites`."""
    garble: object = None
    """Called with each datagram; what is sent in its place, a list."""
    told: list = field(factory=list)
    heard: list = field(factory=list)
    """The names of everything that was heard, repeated or not."""
    sessions: dict = field(factory=dict)
    later: list = field(factory=list)
    guid: bytes = bytes(range(16))
    noisy = False

    def listen(self, address="127.0.0.1", port=0):
        self.port = self.clock.listenUDP(port, self, interface=address)
        self.free_at = 0.0
        return self

    def access(self, **more):
        host = self.port.getHost()
        given = {"user": self.user, "password": self.password, "driver": "ipmi"} | more
        return BmcAccess(address=ip_address(host.host), port=host.port, **given)

    def end(self):
        """Stop, and forget what was to be said later."""
        for call in self.later:
            if call.active():
                call.cancel()
        if self.port.connected:
            return self.port.stopListening()
        return None

    async def stop(self):
        await self.end()

    @property
    def open_sessions(self):
        return [one for one in self.sessions.values() if one.is_open]

    # Datagrams

    def datagramReceived(self, data, addr):  # noqa: N802  Twisted's name
        name, answer = self.understand(data)
        if name is None:
            return
        self.heard.append(name)
        if self._counts_down(self.misses, name):
            return
        now = self.clock.seconds()
        self.free_at = max(now, self.free_at) + self.takes.get(name, 0.0)
        if self.free_at > now:
            wait = self.free_at - now
            self.later.append(self.clock.callLater(wait, self.say, name, answer, addr))
        else:
            self.say(name, answer, addr)

    def say(self, name, answer, addr):
        reply = answer()
        if reply is None or self._counts_down(self.loses, name) or not self.port.connected:
            return
        for each in self.garble(reply) if self.garble else [reply]:
            self.transport.write(each, addr)

    @staticmethod
    def _counts_down(counts, name):
        left = counts.get(name, 0)
        counts[name] = left - (left > 0)
        return left != 0

    def understand(self, data):
        """Give a datagram's name, and the call that does what it asks and gives the answer."""
        if len(data) < 14 or data[:1] != b"\x06" or data[3] != 7:
            return None, None
        if data[4] == 0:  # a question of IPMI 1.5, outside of any session
            return "capabilities", lambda: self._capabilities(data)
        _, kind, number, sequence, length = struct.unpack_from("<BBIIH", data, 4)
        payload = data[16 : 16 + length]
        if kind in {0x10, 0x12, 0x14}:
            names = {0x10: "open", 0x12: "rakp1", 0x14: "rakp3"}
            calls = {0x10: self._open, 0x12: self._rakp1, 0x14: self._rakp3}
            return names[kind], lambda: self._plain(kind + 1, calls[kind](payload))
        return self._within(data, kind, number, sequence, payload)

    def _plain(self, kind, payload):
        if payload is None:
            return None
        return RMCP + struct.pack("<BBIIH", 6, kind, 0, 0, len(payload)) + payload

    # Outside of a session

    def _capabilities(self, data):
        request = data[14:]
        body = bytes((0, 1, 0x80 | 0x04, 0x04 | (0x20 if self.k_g else 0), 2, 0, 0, 0, 0))
        message = self._response(request, body)
        return RMCP + bytes(9) + bytes((len(message),)) + message

    def _open(self, payload):
        tag, level, console = struct.unpack_from("<BBxxI", payload)
        wanted = (payload[12], payload[20], payload[28])
        status = self.codes.get("open", 0)
        suite = next((n for n in self.suites if SUITES[n][0] == wanted), None)
        if suite is None:
            status = status or self.no_suite
        if status:
            return struct.pack("<BBBxI", tag, status, 0, console)
        number = 0xA0A2A300 + len(self.sessions)
        level = min(level or 4, self.most_privilege)
        self.sessions[number] = BmcSession(suite=suite, console=console, number=number, level=level)
        return struct.pack("<BBBxII", tag, 0, level, console, number) + payload[8:32]

    def _rakp1(self, payload):
        tag, number = struct.unpack_from("<BxxxI", payload)
        session = self.sessions.get(number)
        if session is None:
            return None
        role, length = payload[24], payload[27]
        name = payload[28 : 28 + length]
        status = self.codes.get("rakp1", 0)
        if name != self.user.encode():
            status = status or 0x0D
        if (role & 0x0F) > self.most_privilege:
            status = status or 0x0A
        if status:
            return struct.pack("<BBxxI", tag, status, session.console)
        session.console_random = payload[8:24]
        session.bmc_random = os.urandom(16)
        session.role = bytes((role, length)) + name
        text = (
            struct.pack("<II", session.console, session.number)
            + session.console_random
            + session.bmc_random
            + self.guid
            + session.role
        )
        proof = session.mac(self.password.encode(), text)
        head = struct.pack("<BBxxI", tag, 0, session.console)
        return head + session.bmc_random + self.guid + proof

    def _rakp3(self, payload):
        tag, status, number = struct.unpack_from("<BBxxI", payload)
        session = self.sessions.get(number)
        if session is None:
            return None
        if status:
            del self.sessions[number]
            return None
        text = session.bmc_random + struct.pack("<I", session.console) + session.role
        status = self.codes.get("rakp3", 0)
        if payload[8:] != session.mac(self.password.encode(), text):
            status = status or 0x0F
        if status:
            return struct.pack("<BBxxI", tag, status, session.console)
        key = self.k_g or self.password.encode()
        sik = session.mac(key, session.console_random + session.bmc_random + session.role)
        session.k1 = session.mac(sik, b"\1" * 20)
        session.k2 = session.mac(sik, b"\2" * 20)[:16]
        session.is_open = True
        text = session.console_random + struct.pack("<I", session.number) + self.guid
        head = struct.pack("<BBxxI", tag, 0, session.console)
        return head + session.mac(sik, text)[: session.code_bytes]

    # Within a session

    def _within(self, data, kind, number, sequence, payload):
        session = self.sessions.get(number)
        if session is None or not session.is_open or kind != 0xC0:
            return None, None
        end = len(data) - session.code_bytes
        if session.mac(session.k1, data[4:end])[: session.code_bytes] != data[end:]:
            return None, None
        cipher = Cipher(algorithms.AES(session.k2), modes.CBC(payload[:16])).decryptor()
        plain = cipher.update(payload[16:]) + cipher.finalize()
        request = plain[: -1 - plain[-1]]
        name = COMMANDS.get((request[1] >> 2, request[5]), "other")

        def answer():
            if sequence in session.had or not session.is_open:
                return None
            session.had.add(sequence)
            return self._sealed(session, self._response(request, self._do(session, name, request)))

        return name, answer

    def _do(self, session, name, request):
        code = self.codes.get(name, 0xC1 if name == "other" else 0)
        code = code if isinstance(code, int) else next(code)
        if code:
            return bytes((code,))
        data = request[6:-1]
        return getattr(self, f"_do_{name}")(session, data)

    def _do_privilege(self, session, data):
        return b"\x81" if data[0] > session.level else bytes((0, data[0]))

    def _do_close(self, session, _data):
        session.is_open = False
        return b"\0"

    def _do_control(self, _session, data):
        self._press(POWER[data[0]])
        return b"\0"

    def _do_boot(self, _session, data):
        self.told.append(("boot", *data))
        return b"\0"

    def _do_status(self, _session, _data):
        return bytes((0, int(self.state == "on"), 0, 0))

    def _press(self, what):
        self.told.append(what)
        self.state = {"reset": self.state, "cycle": "on", "soft": "off"}.get(what, what)

    @staticmethod
    def _response(request, body):
        head = bytes((0x81, (request[1] >> 2 | 1) << 2))
        rest = bytes((0x20, request[4], request[5])) + body
        return head + bytes((-sum(head) & 0xFF,)) + rest + bytes((-sum(rest) & 0xFF,))

    def _sealed(self, session, message):
        session.sent += 1
        vector = os.urandom(16)
        fill = -(len(message) + 1) % 16
        padded = message + bytes(range(1, fill + 1)) + bytes((fill,))
        cipher = Cipher(algorithms.AES(session.k2), modes.CBC(vector)).encryptor()
        payload = vector + cipher.update(padded) + cipher.finalize()
        header = struct.pack("<BBIIH", 6, 0xC0, session.console, session.sent, len(payload))
        text = header + payload
        fill = -(len(text) + 2) % 4
        text += b"\xff" * fill + bytes((fill, 7))
        return RMCP + text + session.mac(session.k1, text)[: session.code_bytes]
