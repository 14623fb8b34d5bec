"""The certificate of a region host: renewed in its time, and presented whatever the disk does."""

import errno
from datetime import timedelta

import pytest

from evenrack.config.key_file import NO_KEYS
from evenrack.trust.certificates import is_issued_by, serial_of
from evenrack.trust.files import TrustFiles
from tests.region.certificate_desk.desk_host import presented

pytestmark = pytest.mark.postgres

LATE, EARLY = 1.0, 0.0
"""Jitter of a process that renews a twentieth after two thirds of the time, or before."""


class DiskThatFills(TrustFiles):
    """The files of a host, on a disk that can be full."""

    is_full = False

    def _write(self, name, content):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(name, content)


def two_thirds(certificate):
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return first + (last - first) * 2 / 3


async def test_a_certificate_is_renewed_after_two_thirds_of_its_life_and_not_before(host):
    desk = host.start()
    old = host.files.identity().certificate
    host.now = two_thirds(old) - timedelta(minutes=1)
    await host.look(desk)
    assert (presented(desk), host.own()) == (old, [serial_of(old)])
    host.now = two_thirds(old) + timedelta(minutes=1)
    await host.look(desk)
    new = presented(desk)
    assert host.own() == [serial_of(old), serial_of(new)]
    assert host.files.identity().certificate == new
    assert is_issued_by(new, host.authority())
    assert new.not_valid_after_utc > host.now + timedelta(days=29)
    await host.look(desk)
    assert len(host.own()) == 2, "once is enough"


async def test_processes_of_one_host_renew_at_different_times_and_the_later_takes_over(host):
    early, late = host.start(1, jitter=EARLY), host.start(2, jitter=LATE)
    old = host.files.identity().certificate
    host.now = two_thirds(old)
    await host.look(late)
    assert presented(late) == old
    await host.look(early)
    new = presented(early)
    assert new != old
    await host.look(late)
    assert presented(late) == new
    assert len(host.own()) == 2


async def test_without_its_key_a_host_says_once_that_it_cannot_renew_and_does_when_it_can(
    host, log
):
    desk = host.start()
    old = host.files.identity().certificate
    keys, host.keys.now = host.keys.now, NO_KEYS
    host.now = two_thirds(old) + timedelta(minutes=1)
    for _ in range(3):
        await host.look(desk)
    assert presented(desk) == old
    assert len(log.about("certificates: ", level="warn")) == 1
    host.keys.now = keys
    await host.look(desk)
    assert presented(desk) != old


async def test_a_new_certificate_that_finds_no_place_on_the_disk_is_not_used_nor_made_each_second(
    host, log
):
    files = DiskThatFills(host.config.state_dir, cure="")
    desk = host.start(files=files)
    old = host.files.identity().certificate
    host.now = two_thirds(old) + timedelta(minutes=1)
    files.is_full = True
    for _ in range(5):
        await host.look(desk)
    assert presented(desk) == old
    assert len(host.own()) == 2, "one was signed, and lost"
    assert len(log.about("No space left")) == 1
    files.is_full = False
    await host.look(desk, 60)
    assert presented(desk) == host.files.identity().certificate != old
    assert len(host.own()) == 3


async def test_a_certificate_that_is_gone_from_the_disk_is_told_of_once_and_presented_on(host, log):
    desk = host.start()
    old = presented(desk)
    (host.config.state_dir / "identity.pem").unlink()
    for _ in range(3):
        await host.look(desk)
    assert presented(desk) == old
    (told,) = log.about("certificates: ", "identity.pem", level="warn")
    assert "evenrack-regiond init" in told
