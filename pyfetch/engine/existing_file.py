"""What the file that is there already means for an attempt, as `--if-exists` says."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from pyfetch import cpu
from pyfetch.checksum import Digest
from pyfetch.http.validators import conditions
from pyfetch.models import Failure, IfExists, Outcome, Target, TargetError
from pyfetch.storage.existing import Found, open_file
from pyfetch.storage.filesystem import errors_of
from pyfetch.storage.part import BLOCK
from pyfetch.transfer import Transfer


class Kept(NamedTuple):
    """The file stays as it is."""

    outcome: Outcome
    file: str
    status: os.stat_result
    sha256: str | None = None
    """Of the file, if it was computed."""


class Wanted(NamedTuple):
    """A request is needed."""

    replaces: bool
    """Whether the body may take the place of a file that is there."""
    conditions: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    """Header fields that ask whether the file has changed (RFC 9110, section 13)."""
    conditions_of: str | None = None
    """The URL whose validators these are."""


def judge_existing(
    final: str, found: Found, policy: IfExists, target: Target, transfer: Transfer
) -> Kept | Wanted:
    """Judge what was found under the name `final` before a request.

    Raises `TargetError` if there must be no request because the file is there.
    """
    status = found.status
    replaces = policy in (IfExists.REFRESH, IfExists.REPLACE)
    if status is None:
        return Wanted(replaces)
    if policy in (IfExists.REPLACE, IfExists.RENAME):
        return Wanted(replaces)
    if policy is IfExists.FAIL:
        raise already_there(final)
    if target.checksum:
        if transfer.assignment.redirects:
            return Wanted(replaces=True)  # the file was hashed before the first request
        # Whatever the server says now: the file has the demanded checksum, or it has not.
        digest = _digest_of(final, target, transfer)
        if digest.mismatch() is None:
            outcome = Outcome.SKIPPED if policy is IfExists.SKIP else Outcome.UNCHANGED
            return Kept(outcome, final, status, digest.sha256)
        return Wanted(replaces=True)
    if policy is IfExists.SKIP and target.known.of_other_url:
        return Wanted(replaces=True)
    if policy is IfExists.SKIP:
        return Kept(Outcome.SKIPPED, final, status)
    facts = target.known.facts
    fields = conditions(target.known, status.st_size, status.st_mtime_ns, time.time())
    return Wanted(replaces, fields, facts.answered_by if facts else target.identity)


def judge_named(final: str, found: Found, policy: IfExists) -> Kept | None:
    """Judge what was found under a name that a server has just given. None: the body may come.

    Raises `TargetError` if there is such a file and there must be none.
    """
    status = found.status
    if status is None:
        return None
    if policy is IfExists.FAIL:
        raise already_there(final)
    return Kept(Outcome.SKIPPED, final, status) if policy is IfExists.SKIP else None


def already_there(final: str) -> TargetError:
    """The failure of a target whose file is there, where that must not be."""
    return TargetError(Failure.EXISTS, f"{final} is there")


def _digest_of(final: str, target: Target, transfer: Transfer) -> Digest:
    digest = Digest(target.checksum)
    with errors_of(final), cpu.anywhere(), open_file(final) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            transfer.check()
    return digest
