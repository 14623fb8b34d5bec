"""Which processes count as a lab's when nothing but their command line is known."""

from pathlib import Path

import pytest

from evenrack.lab.leftovers import belongs_to

LAB = Path("/lab")


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/python /venv/bin/evenrack-rackd run --config /lab/rack1/rackd.conf",
        "/venv/bin/evenrack-regiond run --config /lab/region1/regiond.conf --instance 2",
        "/x/bin/postgres -D /lab/postgres/data",
        "sh -c read evenrack-keeper /lab/keeper",
        "nsenter -t 7 -m -n -U --preserve-credentials ip netns exec postgres unshare --user"
        " --map-user=1000 --map-group=1000 -- /x/postgres -D /lab/postgres/data",
        "unshare --user --map-user=1000 --map-group=1000 -- /x/initdb -D /lab/postgres/data",
        "nsenter -t 7 -m -n -U --preserve-credentials ip netns exec client1 /venv/bin/python -P"
        " -m evenrack.lab.traffic --interface vlan1 --out /lab/client1/dhcp.jsonl --client 1",
        "/venv/bin/python -P -m evenrack.lab.traffic.crowd_main --out /lab/client1/crowd.jsonl",
        "/venv/bin/python -P -m evenrack.lab.traffic.power_main --out /lab/power/power.jsonl",
        "ipmi_sim -c /lab/bmcs/bmc1/lan -f /lab/bmcs/bmc1/emulated -s /lab/bmcs/bmc1/state -n",
        "sh /src/evenrack/lab/bmc/chassis.sh /lab/bmcs/bmc1 get power",
    ],
)
def test_our_programs_at_work_in_the_folder_are_the_labs(line):
    assert belongs_to(line.split(), Path("/home"), LAB)


@pytest.mark.parametrize(
    "line",
    [
        "tail -f /lab/rack1/rackd.log",
        "/venv/bin/evenrack-rackd run --config /lab2/rack1/rackd.conf",
        "/venv/bin/evenrack-rackd run --config /etc/evenrack/rackd.conf",
        "/x/bin/postgres -D /var/lib/postgresql/data",
        "ipmi_sim -c /etc/ipmi/lan.conf -n",
        "",
    ],
)
def test_everything_else_is_left_alone(line):
    assert not belongs_to(line.split(), Path("/home"), LAB)


def test_a_server_that_is_being_made_works_in_the_folder():
    line = ["/x/bin/postgres", "--boot", "-F"]
    assert belongs_to(line, LAB / "postgres" / "data.new", LAB)
    assert not belongs_to(line, Path("/lab2/postgres/data.new"), LAB)
    assert not belongs_to(line, None, LAB)
    assert not belongs_to(["bash"], LAB, LAB)
