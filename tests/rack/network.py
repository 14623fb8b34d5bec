"""Region processes that can be dialled by address, with real ends on both sides of each link."""

from attrs import define, field
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from evenrack.model.host_port import parse_host_port
from evenrack.model.identifiers import ProcessId
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.region.links.rack_listener import RackListener
from tests.wire.both_ends import Desk, World

DIAL_SECONDS = 1 / 64


@define
class Network:
    """Which region process is behind which address, and which addresses never answer."""

    world: World = field(factory=World)
    desks: dict = field(factory=dict)
    behind: dict = field(factory=dict)
    silent: set = field(factory=set)
    dialled: list = field(factory=list)
    given_up: list = field(factory=list)

    def region(self, process, *addresses, **reception):
        """Start a region process that listens on these addresses; gives its desk."""
        desk = Desk(world=self.world)
        self.desks[ProcessId(process)] = desk
        listener = RackListener(desk.reception(process=ProcessId(process), **reception))
        for address in addresses:
            self.behind[parse_host_port(address)] = (ProcessId(process), listener)
        return desk

    def kill(self, process):
        """End a region process: its links are reset and nobody listens there any more."""
        self.behind = {a: it for a, it in self.behind.items() if it[0] != process}
        for link in list(self.desks[process].links):
            link.abort()
        self.world.settle()

    def tell(self, endpoints, *processes):
        """Let processes (all when none is named) tell this list: {process: [address, ..]}."""
        for process in processes or self.desks:
            self.desks[process].endpoints = {
                ProcessId(name): tuple(parse_host_port(text) for text in texts)
                for name, texts in endpoints.items()
            }

    def endpoint_for(self, addresses):
        return AddressesInTurn([Address(self, address) for address in addresses])

    def links(self):
        """How many links each region process holds."""
        return {process: len(desk.links) for process, desk in self.desks.items()}


@implementer(IStreamClientEndpoint)
@define
class Address:
    """One address; answers, refuses or stays silent a moment after it was dialled."""

    network: Network
    address: object

    def connect(self, protocolFactory):
        network = self.network
        network.dialled.append(str(self.address))

        def give_up(connecting):
            network.given_up.append(str(self.address))
            if answer is not None:
                answer.cancel()
            connecting.errback(error.ConnectingCancelledError(self.address))

        connecting = Deferred(give_up)
        answer = None
        if self.address not in network.silent:
            answer = network.world.clock.callLater(
                DIAL_SECONDS, self._answer, protocolFactory, connecting
            )
        return connecting

    def _answer(self, factory, connecting):
        behind = self.network.behind.get(self.address)
        if behind is None:
            connecting.errback(Failure(error.ConnectionRefusedError()))
            return
        protocol = factory.buildProtocol(None)
        self.network.world.connect(behind[1].buildProtocol(None), protocol)
        connecting.callback(protocol)
