"""The keys of this host as they are now: read again when their file changes, no restart needed.

Every process tells the others which keys it has, so that none is left behind when another key
begins to encrypt. With several keys a process encrypts nothing until it has read which one does:
what it would encrypt with an old one would be found by nobody.
"""

from pathlib import Path

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.config.key_file import Key, keys_of_host
from evenrack.errors import ConfigurationRefused, DatabaseUnreachable, SchemaMismatch
from evenrack.model.identifiers import ProcessId
from evenrack.region.database.engine import Database
from evenrack.region.database.key_store import (
    KeyOrigin,
    KeyReport,
    read_key_standing,
    report_keys,
)
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 1.0


class KeyRing:
    """`sealing.KeySource` of a key file that may change."""

    def __init__(self, path: Path) -> None:
        """Read the file; ConfigurationRefused when it is not as it should be."""
        self.path = path
        self._stamp = _stamp_of(path)
        self._keys = keys_of_host(path)
        self._encrypting = self._keys.first if len(self._keys.all) == 1 else None

    @property
    def all(self) -> tuple[Key, ...]:
        """Give all of them, in the order of the file (`KeySource`)."""
        return self._keys.all

    @property
    def first(self) -> Key | None:
        """Give the key that encrypts; None while that is not known or not here (`KeySource`)."""
        return self._encrypting

    def find(self, key_id: str) -> Key | None:
        """Give the key with this id (`KeySource`)."""
        return self._keys.find(key_id)

    def read_again(self) -> bool:
        """Read the file if it has changed, and say so.

        ConfigurationRefused when it cannot be used: the keys of before stay, and it is read again
        the next time.
        """
        stamp = _stamp_of(self.path)
        if stamp == self._stamp:
            return False
        if stamp is None:
            raise ConfigurationRefused(self.path, ["the key file is gone; its keys are kept"])
        self._keys = keys_of_host(self.path)
        self._stamp = stamp
        return True

    def follow(self, origin: KeyOrigin | None) -> None:
        """Encrypt with the key that the cluster has chosen; before it has any, with the first."""
        if origin is None:
            self._encrypting = self._keys.first
        else:
            of_cluster = (key for key in self.all if key.fingerprint == origin.fingerprint)
            self._encrypting = next(of_cluster, None)

    @property
    def report(self) -> KeyReport:
        """Say what is here."""
        return KeyReport(
            known={key.id: key.fingerprint for key in self.all},
            encrypting=self._encrypting.fingerprint if self._encrypting else None,
        )


class KeyWatch(MultiService):
    """Keeps the ring as the file and the cluster are, and tells the cluster what is in it."""

    log = Logger()

    def __init__(
        self, ring: KeyRing, database: Database, process: ProcessId, clock: IReactorTime
    ) -> None:
        super().__init__()
        self._ring = ring
        self._database = database
        self._process = process
        self._told = ""
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.02, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    def trigger(self) -> None:
        """Look soon: another key may encrypt."""
        self._looking.trigger()

    async def _look(self) -> None:
        trouble = self._read_file()
        try:
            origin = await self._meet_the_cluster()
        except (DatabaseUnreachable, SchemaMismatch):
            origin = None  # what was read last counts
        self._tell_once(trouble or self._what_is_missing(origin))

    def _read_file(self) -> str:
        try:
            if self._ring.read_again():
                ids = ", ".join(key.id for key in self._ring.all)
                self.log.info("read {path} again: keys {ids}", path=str(self._ring.path), ids=ids)
        except ConfigurationRefused as refusal:
            return str(refusal)
        return ""

    async def _meet_the_cluster(self) -> KeyOrigin | None:
        standing = await self._database.read(lambda c: read_key_standing(c, self._process))
        self._ring.follow(standing.origin)  # before it is told: then nothing else can be sealed
        report, life = self._ring.report, standing.incarnation
        if life is not None and report != standing.reported:
            await self._database.run(lambda c: report_keys(c, self._process, life, report))
        return standing.origin

    def _what_is_missing(self, origin: KeyOrigin | None) -> str:
        if origin is None or self._ring.first is not None:
            return ""
        return (
            f"{self._ring.path} lacks the key that encrypts the cluster's secrets: this host can "
            f"neither keep nor use them; copy the file from host {origin.host}"
        )

    def _tell_once(self, trouble: str) -> None:
        if trouble and trouble != self._told:
            self.log.warn("keys: {trouble}", trouble=trouble)
        self._told = trouble


def _stamp_of(path: Path) -> tuple[int, int, int, int] | None:
    """Tell this state of the file from others; None when there is no file to be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
