"""Whole region processes and racks that switch machines in memory, and what these were told."""

import contextlib
import secrets
from ipaddress import IPv4Address, IPv4Interface

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

from evenrack.config.rack_config import RackConfig
from evenrack.config.region_config import BmcBalance
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import new_rack_id
from evenrack.model.interface_list import Interface
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.rack.region_connections import Dialling
from evenrack.rack.service import RackService, Surroundings
from evenrack.runtime.wall_clock import utc_now
from tests.no_dhcp import NO_FILE, NoDhcpServer, no_host_answers, no_leases, no_listener, think_here
from tests.rack.small_driver import WORD, Machines, SmallDriver
from tests.region.cable import Cable
from tests.region.http.bmc_api import start_with_keys
from tests.region.http.inventory_api import Api
from tests.region.processes import CALM_RACK, eventually, fleet_on, trust_of
from tests.trusted import enrol

PATIENCE = 60.0


def address_of(number):
    return IPv4Address("10.9.0.100") + number


def other_than(name):
    """Name the other one of two racks."""
    return "rack2" if name == "rack1" else "rack1"


class PowerFleet:
    """A fleet whose racks reach the same machines; these outlive all daemons."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.machines = Machines(clock=reactor)
        self.drivers = {}
        self.cables = {}

    def start_region(self, host, content=b"k" * 32):
        config = self.fleet.region_config(host)
        balance = evolve(config.balance, bmc=BmcBalance(hold_down=3600))
        self.fleet._hosts[host] = evolve(config, balance=balance)
        return start_with_keys(self.fleet, host, content=content)

    def start_rack(self, name, *, network="10.9.0.0/24"):
        """Start a rack that has an address in the BMCs' network."""
        driver = self.drivers.setdefault(name, SmallDriver(machines=self.machines, rack=name))
        config = RackConfig(
            regions=tuple(
                HostPort(host="127.0.0.1", port=region.port)
                for region in self.fleet.regions.values()
            ),
            rack_name=name,
            state_dir=self.fleet.folder / name,
            liveness=CALM_RACK,
        )
        address = IPv4Interface(network.replace(".0/", f".{name[-1]}/"))
        state = enrol(config.state_dir, new_rack_id(secrets.token_bytes))
        around = self._surroundings(config, state, address, driver)
        rack = RackService(config, state.rack_id(), around)
        rack.startService()
        self.fleet.racks[name] = rack
        return rack

    def api(self):
        return Api(next(iter(self.fleet.regions.values())))

    async def add_machine(self, number, *, address=None, **more):
        """A machine that is on, as the operator enters it."""
        address = address or address_of(number)
        bmc = self.machines.add(address, state="on", **more)
        body = {
            "name": f"b{number}",
            "driver": "ipmitool",
            "address": str(address),
            "user": "me",
            "password": WORD,
        }
        assert (await self.api()("POST", "/api/v1/bmcs", body)).status == 201
        body = {"name": f"m{number}", "bmc": f"b{number}"}
        assert (await self.api()("POST", "/api/v1/machines", body)).status == 201
        return bmc

    async def order(self, action, *names):
        answer = await self.api()("POST", "/api/v1/orders", {"machines": names, "action": action})
        assert answer.status == 201, answer.text
        return [each["order"] for each in answer.json]

    def row(self, number, *columns):
        ((*values,),) = self.fleet.rows(
            f"SELECT {', '.join(columns)} FROM power_order WHERE id = {number}"  # noqa: S608
        )
        return tuple(values)

    def phase(self, number):
        return self.row(number, "phase")[0]

    async def end_of(self, number, seconds=PATIENCE):
        """Wait for the end of an order; give its row as programs see it."""

        async def ended():
            row = (await self.api()("GET", f"/api/v1/orders/{number}")).json
            return row if row["result"] is not None else None

        return await eventually(ended, seconds)

    def owner(self, number):
        """The host name of the owner of a BMC."""
        return self.owners()[number]

    def owners(self):
        """The host name of the owner of each BMC that has one, in one reading."""
        return {number: owner for number, (owner, _) in self._bmcs().items() if owner}

    def reach(self, number):
        """The host names of the connected racks that a BMC answers."""
        return self._bmcs()[number][1]

    def _bmcs(self):
        read = self.fleet.read()
        names = {rack.id: rack.hostname for rack in read.racks.values()}
        return {
            int(bmc.name.removeprefix("b")): (
                names.get(read.bmc_owners.get(bmc.id)),
                {names[rack] for rack in read.bmc_reach[bmc.id]},
            )
            for bmc in read.bmcs.values()
        }

    def everybody_reaches(self, *numbers):
        """All racks reach all of these, and own about as many each."""
        bmcs, racks = self._bmcs(), set(self.fleet.racks)
        owned = [bmcs[number][0] for number in numbers]
        loads = [owned.count(rack) for rack in racks]
        return (
            all(bmcs[number][1] == racks for number in numbers)
            and sum(loads) == len(numbers)
            and max(loads) - min(loads) <= 1
            and self.fleet.is_whole()
        )

    def told(self, number=1):
        return self.machines.told_to(address_of(number))

    def agreed(self, number=1):
        """What a BMC agreed to: a moment after it is told, or never if its rack is lost then."""
        return self.machines.bmcs[address_of(number)].told

    def tellers(self):
        return [rack for rack, *_ in self.machines.told]

    def endpoint_for(self, name, tls):
        """Where a rack dials: by a cable of its own to each port, which can be cut."""

        def through_cables(addresses):
            for address in addresses:
                if (name, address.port) not in self.cables:
                    self.cables[name, address.port] = Cable(address.port)
            cables = [self.cables[name, address.port] for address in addresses]
            plain = [HostnameEndpoint(reactor, "127.0.0.1", cable.port) for cable in cables]
            return AddressesInTurn([wrapClientTLS(tls, each) for each in plain])

        return through_cables

    def _surroundings(self, config, state, address, driver):
        trust = trust_of(state)

        async def interfaces():
            return (Interface(name="eth0", address=address),)

        return Surroundings(
            clock=reactor,
            wall_clock=utc_now,
            token_bytes=secrets.token_bytes,
            dialling=Dialling(
                configured=config.regions,
                endpoint_for=self.endpoint_for(config.rack_name, trust.tls),
                jitter=lambda: 0.5,
            ),
            state=state,
            interfaces=interfaces,
            dhcp_server=NoDhcpServer(),
            think=think_here,
            leases=no_leases,
            lease_files=(NO_FILE, NO_FILE),
            listener=no_listener,
            find_hosts=no_host_answers,
            driver=driver,
            ask_bmc=driver.answers,
            trust=trust,
        )

    def cut_off(self, name):
        """Let a rack live on, and hear and say nothing more."""
        for (rack, _), cable in self.cables.items():
            if rack == name:
                cable.cut()


@contextlib.asynccontextmanager
async def power_fleet_on(dsn, hosts=1, racks=2, machines=1):
    """Regions, racks that all reach all machines, and a leader that has placed them."""
    async with fleet_on(dsn) as fleet:
        power = PowerFleet(fleet)
        for number in range(1, hosts + 1):
            power.start_region(f"region{number}")
        await eventually(fleet.has_leader)
        for number in range(1, racks + 1):
            power.start_rack(f"rack{number}")
        for number in range(1, machines + 1):
            await power.add_machine(number)
        numbers = range(1, machines + 1)
        await eventually(lambda: power.everybody_reaches(*numbers), PATIENCE)
        try:
            yield power
        finally:
            for cable in power.cables.values():
                await cable.remove()
