"""What a rack remembers over restarts: its identity, the regions it knows, its newest plan."""

import base64
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from evenrack.config.private_files import private_folder
from evenrack.errors import ConfigurationRefused
from evenrack.model.dhcp_plan import DhcpPlan, dhcp_plan_as_json, dhcp_plan_from_json
from evenrack.model.held_halves import (
    HeldHalves,
    held_halves_from_json,
    held_halves_to_json,
)
from evenrack.model.identifiers import RackId, rack_id_from_text
from evenrack.model.rack_plan import RackPlan, rack_plan_from_json
from evenrack.model.region_endpoints import (
    RegionEndpoints,
    endpoints_from_json,
    endpoints_to_json,
)
from evenrack.runtime.safe_write import safe_write
from evenrack.runtime.thinking import Think
from evenrack.trust.files import IDENTITY_FILE, TrustFiles

OMAPI_KEY_BYTES = 32
OMAPI_KEY_FILE = "omapi_key"
DHCP_FOLDER = "dhcp"
DHCP6_FOLDER = "dhcp6"

SECRETS = (
    *(IDENTITY_FILE, OMAPI_KEY_FILE),
    *(f"{DHCP_FOLDER}/{name}" for name in ("dhcpd.conf", "dhcpd.conf.next")),
)
"""What nobody else may read; `dhcpd.conf` has the OMAPI key."""

ENROL_CURE = "on a region run `evenrack enrolment create`, then here `evenrack-rackd register`"

Value = TypeVar("Value")


class StateFolder:
    """One small file for each thing; a file that cannot be read counts as not there."""

    log = Logger()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make_private(self) -> None:
        """Make the folder, or see that only this user may use it, and what is secret in it.

        ConfigurationRefused tells what is wrong, and how to cure it.
        """
        private_folder(self._folder, secrets=SECRETS)

    def rack_id(self) -> RackId:
        """Give this rack's identity, as a region gave it when the rack enrolled.

        ConfigurationRefused when it is missing or damaged: the rack would be a stranger.
        """
        return _identity_in(self._folder / "rack_id")

    def keep_rack_id(self, rack: RackId) -> None:
        """Remember who this rack is."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        safe_write(self._folder / "rack_id", f"{rack}\n".encode())

    @property
    def trust(self) -> TrustFiles:
        """Give the place of this rack's certificate, and of whom it trusts."""
        return TrustFiles(self._folder, cure=ENROL_CURE)

    def regions(self) -> RegionEndpoints:
        """Give the region processes that were known last; empty when none were."""
        return self._read("regions.json", endpoints_from_json) or {}

    def keep_regions(self, known: RegionEndpoints) -> None:
        """Remember the region processes."""
        self._write("regions.json", [json.dumps(endpoints_to_json(known), sort_keys=True)])

    def plan(self) -> RackPlan | None:
        """Give the plan that was followed last."""
        return self._read("plan.json", rack_plan_from_json)

    def keep_plan(self, plan: RackPlan) -> None:
        """Remember the plan that is followed."""
        self._write("plan.json", plan.as_json())

    def applied_dhcp(self) -> tuple[DhcpPlan, ...]:
        """Give what the DHCP server was last started with: two plans when it may be either."""
        return self._read("dhcp.json", _dhcp_plans_from_json) or ()

    def keep_applied_dhcp(self, *plans: DhcpPlan) -> None:
        """Remember what the DHCP server was started with, or is being started with."""
        texts = ["".join(dhcp_plan_as_json(plan)) for plan in plans]
        self._write("dhcp.json", [f"[{', '.join(texts)}]"])

    def omapi_key(self, token_bytes: Callable[[int], bytes]) -> str:
        """Give the key by which this rack's DHCP server is asked, made at the first start.

        It never leaves this host: 32 random bytes in base64.
        """
        path = self._folder / OMAPI_KEY_FILE
        try:
            key = path.read_text(encoding="ascii").strip()
            if len(base64.b64decode(key, validate=True)) == OMAPI_KEY_BYTES:
                return key
        except (OSError, ValueError):
            pass  # not there yet, or damaged: a new one does as well
        key = base64.b64encode(token_bytes(OMAPI_KEY_BYTES)).decode()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        safe_write(path, f"{key}\n".encode())
        return key

    @property
    def dhcp_folder(self) -> Path:
        """Give the folder of the DHCP server's own files."""
        return self._folder / DHCP_FOLDER

    @property
    def dhcp6_folder(self) -> Path:
        """Give that of the server for IPv6, which has no key."""
        return self._folder / DHCP6_FOLDER

    def held_halves(self) -> HeldHalves:
        """Give since when this rack has halves that another one had; none when none are known."""
        return self._read("halves.json", held_halves_from_json) or HeldHalves()

    def keep_held_halves(self, halves: HeldHalves) -> None:
        """Remember those."""
        self._write("halves.json", [json.dumps(held_halves_to_json(halves))])

    def _read(self, name: str, from_json: Callable[[Any], Value]) -> Value | None:
        path = self._folder / name
        try:
            return from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as problem:
            self.log.warn("ignoring {path}: {problem}", path=str(path), problem=str(problem))
            return None

    def _write(self, name: str, pieces: Iterable[str]) -> None:
        safe_write(self._folder / name, "".join([*pieces, "\n"]).encode())


class AppliedDhcp:
    """What was applied last, kept beside the reactor's thread: large plans take the disk long."""

    def __init__(self, folder: StateFolder, think: Think) -> None:
        self._folder = folder
        self._think = think
        self._one_at_a_time = DeferredLock()

    def applied_dhcp(self) -> tuple[DhcpPlan, ...]:
        """Give what was remembered last (`dhcp_host.AppliedPlan`)."""
        return self._folder.applied_dhcp()

    async def keep_applied_dhcp(self, *plans: DhcpPlan) -> None:
        """Remember these; what was asked for last is what stays."""
        async with self._one_at_a_time:
            await self._think(lambda: self._folder.keep_applied_dhcp(*plans))


def _dhcp_plans_from_json(form: Any) -> tuple[DhcpPlan, ...]:
    if not isinstance(form, list):
        raise ValueError("DHCP plans are a list")  # noqa: TRY004  one error type for every form
    return tuple(dhcp_plan_from_json(each) for each in form)


def _identity_in(path: Path) -> RackId:
    try:
        return rack_id_from_text(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        raise ConfigurationRefused(
            path, [f"is not there: this rack is not enrolled; {ENROL_CURE}"]
        ) from None
    except (OSError, ValueError) as problem:
        cure = "bring the file back from a backup, or enrol this rack anew"
        raise ConfigurationRefused(path, [f"{problem}; {cure}"]) from None
