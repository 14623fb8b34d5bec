"""How a BMC of the lab is configured; its password is nowhere else."""

from pathlib import Path

from evenrack.lab.bmc.chassis import PROGRAM
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces

FLEET = lay_out(Path("/my lab"), InNamespaces(keeper=None), Size(bmcs=2))


def test_it_listens_on_its_own_address_and_runs_its_own_chassis():
    text = FLEET.bmcs[1].lan_text("s3cret")
    assert "addr 10.78.0.2 623\n" in text
    assert f"chassis_control \"sh {PROGRAM} '/my lab/bmcs/bmc2'\"\n" in text
    assert 'user 2 true "lab" "s3cret" admin' in text


def test_no_two_have_the_same_identity():
    texts = [bmc.lan_text("s3cret") for bmc in FLEET.bmcs]
    lines = {line for text in texts for line in text.splitlines() if "guid" in line}
    assert len(lines) == 2


def test_the_password_is_in_no_argument():
    bmc = FLEET.bmcs[0]
    assert not any("s3cret" in word for word in bmc.arguments(Path("/venv/bin")))
    assert "s3cret" not in repr(bmc)
