"""Every failure that another part may catch: one small tree, each with its code on the wire.

Raise means "try again later"; `CannotEverWork` means "tell the operator, do not retry".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar


class EvenrackError(Exception):
    """Something that evenrack knows how to name went wrong."""

    wire_code: ClassVar[bytes] = b"EVENRACK_ERROR"


class CannotEverWork(EvenrackError):
    """Trying again without a change by the operator gives the same failure."""

    wire_code = b"CANNOT_EVER_WORK"


class ConfigurationRefused(CannotEverWork):
    """A configuration file (or another file it names) has problems; all of them are listed."""

    wire_code = b"CONFIGURATION_REFUSED"

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = f"{path}: {count} problem{'s' if count != 1 else ''}"
        super().__init__("\n".join([heading, *(f"  {problem}" for problem in self.problems)]))


class ProgramFailed(CannotEverWork):
    """A program that evenrack started ended badly or did not end in time."""

    wire_code = b"PROGRAM_FAILED"

    def __init__(self, command: str, outcome: str, output: str) -> None:
        self.command = command
        self.outcome = outcome
        self.output = output
        super().__init__(f"{command}: {outcome}" + (f"\n{output}" if output else ""))


class DatabaseUnreachable(EvenrackError):
    """PostgreSQL does not answer; everything goes on by itself when it does."""

    wire_code = b"DATABASE_UNREACHABLE"


class SchemaMismatch(CannotEverWork):
    """The database has a schema that this version cannot use."""

    wire_code = b"SCHEMA_MISMATCH"


class NoLongerLeader(EvenrackError):
    """Another process has taken over the leadership; nothing was written."""

    wire_code = b"NO_LONGER_LEADER"


class DeclaredDead(EvenrackError):
    """The other processes gave this one up; it must register anew as a new incarnation."""

    wire_code = b"DECLARED_DEAD"


class VersionRefused(CannotEverWork):
    """The two ends speak versions of the conversation that do not go together."""

    wire_code = b"VERSION_REFUSED"


class RackIdentityInUse(EvenrackError):
    """Another daemon with this rack's identity is connected and answering (a cloned rack)."""

    wire_code = b"RACK_IDENTITY_IN_USE"


class TooManyLinks(EvenrackError):
    """The rack has as many links to this process as it may have, and all of them answer."""

    wire_code = b"TOO_MANY_LINKS"


class StalePlan(EvenrackError):
    """The plan is older than the one the rack already follows."""

    wire_code = b"STALE_PLAN"


class ContentRefused(EvenrackError):
    """The content of a VLAN is not what the rack asked for."""

    wire_code = b"CONTENT_REFUSED"


class OrderOutdated(EvenrackError):
    """The rack has seen a newer order, or a later attempt at this one, for the same BMC."""

    wire_code = b"ORDER_OUTDATED"


class TurnRefused(EvenrackError):
    """The rack does not wait for this turn, or could not restart its DHCP server in it."""

    wire_code = b"TURN_REFUSED"


class PartnerBehind(TurnRefused):
    """A failover partner does not know every lease, so a role cannot be given to it now."""

    wire_code = b"PARTNER_BEHIND"


class PartnerDownRefused(EvenrackError):
    """The rack's DHCP server is in no state in which its partner may be called dead."""

    wire_code = b"PARTNER_DOWN_REFUSED"


class ProbeRefused(EvenrackError):
    """The rack does not find out for a region whether this host runs."""

    wire_code = b"PROBE_REFUSED"


class RecoverWaitRefused(EvenrackError):
    """The rack's DHCP server does not wait for mclt, or not with this partner."""

    wire_code = b"RECOVER_WAIT_REFUSED"


class RegionUnreachable(EvenrackError):
    """No region process answers on any address that was tried."""

    wire_code = b"REGION_UNREACHABLE"


class ApiRefused(EvenrackError):
    """The region answered a request with a problem (RFC 9457)."""

    wire_code = b"API_REFUSED"

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        super().__init__(str(problem.get("detail") or problem.get("title") or "refused"))


class DhcpServerSilent(EvenrackError):
    """The DHCP server of this rack gives no answer: not in time, not at all, or it refuses."""

    wire_code = b"DHCP_SERVER_SILENT"


class LeasesUnreadable(EvenrackError):
    """The rack cannot read the file in which its DHCP server keeps its leases."""

    wire_code = b"LEASES_UNREADABLE"


class NotTold(EvenrackError):
    """A rack did not tell this region process what it was asked; the message says why."""

    wire_code = b"NOT_TOLD"


class NotUnderstood(NotTold):
    """A rack could not read what it was asked: it is of an older version."""

    wire_code = b"NOT_UNDERSTOOD"


class DhcpConfigurationRefused(CannotEverWork):
    """The DHCP server's own check found mistakes in its configuration; its words say which."""

    wire_code = b"DHCP_CONFIGURATION_REFUSED"


class OutcomeUnknown(EvenrackError):
    """A change may have been done or not; look before repeating it."""

    wire_code = b"OUTCOME_UNKNOWN"


class KeyMissing(CannotEverWork):
    """The key with which a secret in the database is encrypted is not on this host."""

    wire_code = b"KEY_MISSING"

    def __init__(self, key_id: str | None) -> None:
        self.key_id = key_id
        """None when it has no key at all to encrypt with."""
        what = "no key to encrypt with" if key_id is None else f'no key "{key_id}"'
        super().__init__(
            f"this host has {what}: copy the key file from a region host that has it; "
            "no restart is needed"
        )


class Damaged(CannotEverWork):
    """A secret in the database is not what was written there: changed, cut, or copied there."""

    wire_code = b"DAMAGED"


class BmcUnreachable(EvenrackError):
    """Nothing answers at the BMC's address, or no session came about; no command was sent."""

    wire_code = b"BMC_UNREACHABLE"


class BmcBusy(EvenrackError):
    """The BMC answered that it cannot do it just now."""

    wire_code = b"BMC_BUSY"


class BmcSilent(OutcomeUnknown):
    """The BMC was told or asked something and did not answer; it may have done it."""

    wire_code = b"BMC_SILENT"


class BmcRefused(CannotEverWork):
    """The BMC answered that it never does this: no privilege, or it does not know the command."""

    wire_code = b"BMC_REFUSED"


class BmcRefusedPassword(BmcRefused):
    """The BMC answered but refused the user name or password."""

    wire_code = b"BMC_REFUSED_PASSWORD"


class BmcRefusedSuite(BmcRefused):
    """The BMC does not speak the cipher suite; it refused before it was given any credential."""

    wire_code = b"BMC_REFUSED_SUITE"


class BmcNotTrusted(CannotEverWork):
    """What answers at the BMC's address shows another certificate; it was told nothing."""

    wire_code = b"BMC_NOT_TRUSTED"


class NotTrusted(CannotEverWork):
    """A certificate or a request for one is not what it would have to be."""

    wire_code = b"NOT_TRUSTED"


class EnrolmentRefused(CannotEverWork):
    """A region does not take a new rack: its secret is unknown, used up, expired or revoked."""

    wire_code = b"ENROLMENT_REFUSED"
