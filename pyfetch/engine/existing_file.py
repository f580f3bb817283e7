"""Whether the file that is there already stays, by `--if-exists`, or a request is needed."""

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from pyfetch import cpu
from pyfetch.checksum import Digest
from pyfetch.engine.expectations import Expectations
from pyfetch.engine.verdict import Conditions
from pyfetch.facts import FileFacts, Known
from pyfetch.http.validators import conditional_fields, fields_for, is_as_recorded
from pyfetch.models import Failure, IfExists, Outcome, Target, TargetError
from pyfetch.storage.existing import Found, Status, is_as_its_task_left_it
from pyfetch.timing import Phase
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from pyfetch.storage.store import Store

# Looked up once: a member of an enum takes thirty times as long as a global name.
_REFRESH, _REPLACE, _RENAME = IfExists.REFRESH, IfExists.REPLACE, IfExists.RENAME
_FAIL, _SKIP = IfExists.FAIL, IfExists.SKIP
_SKIPPED = Outcome.SKIPPED

_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """The file stays as it is. Or it stays away, if its task wants it so."""

    outcome: Outcome
    file: str | None
    """None: there is none, and none is wanted."""
    status: Status | None
    sha256: str | None = None
    """The digest of the file, if it was computed."""


class Wanted(NamedTuple):
    """A request is needed."""

    replaces: bool
    """Whether the new file may replace the existing one."""
    conditions: Conditions | None = None
    """The conditions of the request; None: the file is requested in any case."""


def judge_existing(
    final: str,
    found: Found,
    policy: IfExists,
    target: Target,
    transfer: Transfer,
    expected: Expectations,
    store: "Store",
) -> Kept | Wanted:
    """Decide what the file found under the name `final` means, before a request.

    A file that is not as `expected`, perhaps because an option was added, is fetched again. Raises
    `TargetError` if the target has to fail because the file is there.
    """
    if policy in (_REFRESH, _SKIP) and is_as_its_task_left_it(target.known, found):
        return _judge_by_facts(final, found, policy, target, expected)
    status = found.status
    replaces = policy is _REFRESH or policy is _REPLACE
    if status is None:
        return Wanted(replaces)
    if policy is _REPLACE:
        return _wanted_anew(final, "--if-exists replace")
    if policy is _RENAME:
        return Wanted(replaces)
    if policy is _FAIL:
        raise already_there(final)
    if policy is _SKIP and not target.checksum:
        return _skipped(final, status, target)
    recorded = recorded_facts(target, status)
    if policy is _REFRESH and not expected.allow(
        status.st_size,
        recorded.media_type if recorded else None,
        recorded.content_encoding if recorded else None,
    ):
        return _wanted_anew(final, "it is not as the options of this run want it")
    if target.checksum:
        return _judge_by_checksum(final, status, policy, target, transfer, store)
    fields = conditional_fields(target.known, status.st_size, status.st_mtime_ns, time.time())
    if not fields:
        from pyfetch.engine.reasons import without_conditions

        return _wanted_anew(final, without_conditions(target, status))
    answered_by = recorded.answered_by if recorded else target.identity
    return Wanted(replaces, Conditions(fields, answered_by or "", status.st_size))


def _skipped(final: str, status: Status, target: Target) -> Kept | Wanted:
    if target.known.of_other_url:
        return _wanted_anew(final, "it came from another URL")
    left = target.known.left
    if left is not None and left.is_file(status.st_size, status.st_mtime_ns):
        return _wanted_anew(final, "another task has changed it")
    return Kept(_SKIPPED, final, status)


def _judge_by_facts(
    final: str, found: Found, policy: IfExists, target: Target, expected: Expectations
) -> Kept | Wanted:
    """Decide by what is recorded: the task of this run has changed the file, or it is gone since.

    The policy is `refresh` or `skip`.
    """
    facts, demanded = target.known.facts, target.checksum
    assert facts  # noqa: S101 - they are of the file that the task had
    file = final if found.status else None
    if demanded:
        if (demanded.algorithm, demanded.digest) != ("sha256", facts.sha256):
            return _wanted_anew(final, "nothing shows that it had the checksum that is demanded")
        outcome = _SKIPPED if policy is _SKIP else Outcome.UNCHANGED
        return Kept(outcome, file, found.status)
    if policy is _SKIP:
        return Kept(_SKIPPED, file, found.status)
    if not expected.allow(facts.size, facts.media_type, facts.content_encoding):
        return _wanted_anew(final, "it is not as the options of this run want it")
    fields = fields_for(facts)
    if not fields:
        return _wanted_anew(final, "the server had given neither ETag nor date")
    return Wanted(replaces=True, conditions=Conditions(fields, facts.answered_by or "", facts.size))


def _judge_by_checksum(
    final: str,
    status: Status,
    policy: IfExists,
    target: Target,
    transfer: Transfer,
    store: "Store",
) -> Kept | Wanted:
    """Decide by the demanded checksum: no server has to be asked if the file has it."""
    if transfer.assignment.redirects:
        return Wanted(replaces=True)  # the file was hashed before the first request
    digest = _digest_of(store, target, transfer)
    mismatch = digest.mismatch()
    if mismatch is not None:
        return _wanted_anew(final, mismatch)
    outcome = _SKIPPED if policy is _SKIP else Outcome.UNCHANGED
    return Kept(outcome, final, status, digest.sha256)


def _wanted_anew(final: str, why: str) -> Wanted:
    """A file that is there is fetched anew: here it may be replaced."""
    _log.info("%s is fetched anew: %s", final, why)
    return Wanted(replaces=True)


def recorded_facts(target: Target, status: Status | None) -> FileFacts | None:
    """What the state knows of the existing file; None if this is not the file that it knows.

    `status` is None if the file is gone and stays away.
    """
    if status is None:
        return target.known.facts
    is_known = is_as_recorded(target.known, status.st_size, status.st_mtime_ns)
    return target.known.facts if is_known else None


def judge_named(final: str, found: Found, policy: IfExists, known: Known) -> Kept | None:
    """Decide whether a file with the name that an answer has just given stays; None: it does not.

    Raises `TargetError` if the target has to fail because the file is there.
    """
    status = found.status
    if status is None:
        return None
    if policy is _FAIL:
        raise already_there(final)
    if policy is _SKIP and not known.of_other_url:
        return Kept(_SKIPPED, final, status)
    return None


def already_there(final: str) -> TargetError:
    """The failure of a target whose file is there already."""
    return TargetError(Failure.EXISTS, f"{final} exists already")


def _digest_of(store: "Store", target: Target, transfer: Transfer) -> Digest:
    assert target.path is not None  # noqa: S101 - the ledger has named it
    digest = Digest(target.checksum)
    facts = target.known.facts
    transfer.enter(Phase.CHECKING)
    with cpu.anywhere():
        for block in store.blocks(target.path, facts.stored if facts else None):
            digest.update(block)
            transfer.check()
    return digest
