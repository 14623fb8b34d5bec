"""What an operator is told of what clients felt."""

from evenrack.cli.lab_felt import power_page, tell_felt_outage, traffic_page
from evenrack.cli.show import page_text
from evenrack.lab.clocks import Clocks
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces
from evenrack.lab.traffic.felt_file import FeltFile
from evenrack.lab.traffic.meter import Felt, FeltOutage

SERVED = Felt(answers=12, lost=0, longest_wait=0.0021, ever_answered=True)
BROKEN = Felt(answers=3, lost=2, longest_wait=30.1, waiting=4, ever_answered=True)


class Clock:
    """A clock that only moves when somebody sleeps, and does something then."""

    def __init__(self, on_sleep=lambda: None):
        self.now = 100.0
        self.clocks = Clocks(seconds=lambda: self.now, sleep=self._sleep, now=lambda: None)
        self._on_sleep = on_sleep

    def _sleep(self, seconds):
        self.now += seconds
        self._on_sleep()


def write(fleet, *lines):
    for client in fleet.clients:
        client.folder.mkdir(exist_ok=True)
        file = FeltFile(client.felt)
        for line in lines:
            file.append({"kind": "discover", "mac": "m1", **line})
        file.close()


def fleet_in(folder, *, bmcs=0):
    return lay_out(folder, InNamespaces(keeper=None), Size(vlans=1, clients=1, bmcs=bmcs))


def write_power(fleet, *lines):
    fleet.power_traffic.folder.mkdir(exist_ok=True)
    file = FeltFile(fleet.power_traffic.felt)
    for line in lines:
        file.append({"kind": "query", "machine": "m1", **line})
    file.close()


def test_the_line_of_power_tells_answers_losses_and_the_longest_wait():
    assert page_text(power_page(Felt())) == "power queries: no BMC has answered yet"
    (line,) = power_page(BROKEN)
    assert page_text([line]) == (
        "power queries: 3 answers, 2 lost, longest wait 30.100 s, 4 still waiting"
    )
    assert not line.good


def test_what_was_felt_of_power_is_told_when_nobody_waits_any_more(tmp_path, capsys):
    fleet = fleet_in(tmp_path, bmcs=1)
    write_power(fleet, {"mono": 90.0, "wait": 0.2, "rack": "rack1"})
    write_power(fleet, {"mono": 99.0, "wait": 1.3, "waiting": True})
    clock = Clock(
        lambda: write_power(fleet, {"mono": clock.now, "wait": clock.now - 97.7, "rack": "rack2"})
    )
    tell_felt_outage(fleet, 98.0, clock.clocks)
    told, said = capsys.readouterr()
    assert said == "power queries wait for an answer\n"
    assert told == "felt outage: power: 0 lost, longest wait 2.500 s, 1 answered\n"


def test_a_lab_without_clients_has_no_line():
    assert traffic_page(FeltOutage()) == []


def test_before_any_answer_the_line_says_so():
    assert page_text(traffic_page(FeltOutage(vlans={"vlan1": Felt()}))) == (
        "DHCP clients: no server has answered yet"
    )


def test_the_line_tells_answers_losses_the_longest_wait_and_where():
    (line,) = traffic_page(FeltOutage(vlans={"vlan1": SERVED, "vlan2": BROKEN}))
    assert page_text([line]) == (
        "DHCP clients: 15 answers, 2 lost, longest wait 30.100 s (on vlan2), 4 still waiting"
    )
    assert not line.good
    (line,) = traffic_page(FeltOutage(vlans={"vlan1": SERVED}))
    assert line.good


def test_before_dhcp_is_on_no_outage_is_told(tmp_path, capsys):
    tell_felt_outage(fleet_in(tmp_path), 0.0, Clock().clocks)
    assert capsys.readouterr() == ("", "")


def test_what_was_felt_of_a_deed_is_told_when_nobody_waits_any_more(tmp_path, capsys):
    fleet = fleet_in(tmp_path)
    write(fleet, {"mono": 90.0, "wait": 9.0, "server": "s"})
    write(fleet, {"mono": 99.0, "wait": 1.3, "waiting": True})
    clock = Clock(
        lambda: write(fleet, {"mono": clock.now, "wait": clock.now - 97.7, "server": "s"})
    )
    tell_felt_outage(fleet, 98.0, clock.clocks)
    told, said = capsys.readouterr()
    assert said == "DHCP clients wait for an answer\n"
    assert told == "felt outage: DHCP: 0 lost, longest wait 2.500 s (on vlan1), 1 answered\n"


def test_an_outage_that_goes_on_is_told_as_it_is(tmp_path, capsys):
    fleet = fleet_in(tmp_path)
    write(fleet, {"mono": 90.0, "wait": 0.0, "server": "s"})
    write(fleet, {"mono": 100.0, "wait": 1.3, "waiting": True})
    clock = Clock()
    tell_felt_outage(fleet, 99.0, clock.clocks)
    assert "1 still waiting, 0 answered" in capsys.readouterr().out
    assert 119 <= clock.now <= 122
