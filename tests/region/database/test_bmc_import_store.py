"""An import of BMCs writes what was planned, or nothing when the inventory has changed since."""

import pytest

from evenrack.config.secret_file import Secret
from evenrack.model.bmc_import import WantedBmc, WantedMachine, plan_bmcs, plan_machines
from evenrack.region.database.bmc_import_store import (
    read_bmc_picture,
    same_passwords,
    write_bmcs,
    write_machines,
)
from evenrack.region.database.bmc_reading import find
from evenrack.region.database.bmc_store import NewSecret, Wish, change, remove
from evenrack.region.database.import_store import InventoryMoved
from tests.region.database.orders.order_rows import (  # noqa: F401  the fixture is used by its name
    SEALER,
    fleet,
)

pytestmark = pytest.mark.postgres


def wanted(name, address, password=b"word"):
    fields = {"driver": "ipmitool", "user": "admin", "address": address}
    return WantedBmc(line=2, name=name, fields=fields, password=password)


@pytest.fixture
def planned(fleet):  # noqa: F811
    """A picture, and what is planned on it: another user for b1, and another BMC for m1."""
    picture = fleet.run(lambda c: read_bmc_picture(c, ["b1"]))
    b1 = picture.bmcs[0]
    lines = [WantedBmc(line=2, name="b1", fields={"user": "other"}, password=b"")]
    fleet.picture = picture
    fleet.bmcs = plan_bmcs(picture.bmcs, lines, set()).changes
    lines = [WantedMachine(line=2, name="m9", bmc=b1.name)]
    fleet.machines = plan_machines([], lines, picture.bmcs).changes
    return fleet


DEEDS = {
    "created": lambda c: change(c, "bmc", "b2", Wish(fields={"user": "x"})),
    "deleted": lambda c: remove(c, "machine", "m3"),
    "password": lambda c: change(
        c, "bmc", "b3", Wish(password=NewSecret(clear=Secret(b"new"), sealer=SEALER))
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_nothing_is_written_when_somebody_changed_bmcs_or_machines_meanwhile(planned, deed):
    planned.run(DEEDS[deed])
    mark = planned.picture.mark
    with pytest.raises(InventoryMoved):
        planned.run(lambda c: write_bmcs(c, planned.bmcs, mark, SEALER))
    with pytest.raises(InventoryMoved):
        planned.run(lambda c: write_machines(c, planned.machines, mark))
    assert planned.run(lambda c: find(c, "bmc", "b1")).value.user == "admin"


def test_what_was_planned_is_written_when_nothing_changed(planned):
    number = planned.run(lambda c: write_bmcs(c, planned.bmcs, planned.picture.mark, SEALER))
    kept = planned.run(lambda c: find(c, "bmc", "b1"))
    assert (kept.value.user, kept.number) == ("other", number)


def test_the_password_that_is_kept_is_recognised_and_one_that_cannot_be_opened_is_another(fleet):  # noqa: F811
    lines = [wanted("b1", "10.9.0.1"), wanted("b2", "10.9.0.2", b"other"), wanted("b9", "10.9.0.9")]
    fleet.change("UPDATE bmc SET password = 'damaged' WHERE name = 'b3'")
    lines.append(wanted("b3", "10.9.0.3"))
    picture = fleet.run(lambda c: read_bmc_picture(c, [each.name for each in lines]))
    assert same_passwords(picture, lines, SEALER) == {"b1"}
