"""What a request asks where a task has changed the file, or where it was removed after the task."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pyfetch.attempt import Assignment
from pyfetch.checksum import parse_checksum
from pyfetch.computed import LeftFile
from pyfetch.engine.existing_file import Kept, Wanted, judge_existing
from pyfetch.engine.expectations import Expectations
from pyfetch.engine.verdict import Conditions
from pyfetch.facts import FileFacts, Known
from pyfetch.models import IfExists, Outcome, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.existing import Found
from pyfetch.storage.file_store import FileStore
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

BYTES = b"bytes"
FACTS = FileFacts(5, 7, '"e"', None, sha256(BYTES).hexdigest(), "http://h/x", "text/plain")
CONDITIONAL = Wanted(
    replaces=True, conditions=Conditions({"If-None-Match": '"e"'}, "http://h/x", 5)
)
ANEW = Wanted(replaces=True)


@pytest.fixture(params=["gone", "altered"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Found:
    """What is there: nothing, or what the task has made of the file."""
    if request.param == "gone":
        return Found()
    (tmp_path / "x").write_bytes(b"altered")
    return Found((tmp_path / "x").stat())


def judged(
    found: Found,
    policy: IfExists,
    *,
    facts: FileFacts = FACTS,
    checksum: str | None = None,
    stands: bool = True,
    left: tuple[int | None, int | None] | None = None,
    **settings: Any,
) -> Kept | Wanted:
    status = found.status
    stamp = left or ((status.st_size, status.st_mtime_ns) if status else (None, None))
    known = Known(facts, left=LeftFile(*stamp, stands))
    demanded = parse_checksum(*checksum.split("=")) if checksum else None
    target = Target(1, parse_url("http://h/x"), "x", demanded, known=known)
    expected = Expectations(Settings(**settings), None)
    transfer = Transfer(Assignment.first_of(target))
    store = FileStore(OutputDirectory(Path("/nowhere")), fsync=False)
    return judge_existing("/nowhere/x", found, policy, target, transfer, expected, store)


def test_the_server_is_asked_whether_the_bytes_have_changed_that_were_fetched(found: Found) -> None:
    assert judged(found, IfExists.REFRESH) == CONDITIONAL


def test_nothing_is_asked_if_what_is_there_stays(found: Found) -> None:
    kept = judged(found, IfExists.SKIP)
    assert kept == Kept(Outcome.SKIPPED, "/nowhere/x" if found.status else None, found.status)


def test_without_a_validator_it_is_fetched_anew(found: Found) -> None:
    assert judged(found, IfExists.REFRESH, facts=FileFacts(5, 7)) == ANEW


def test_what_another_task_has_left_is_fetched_anew(found: Found) -> None:
    assert judged(found, IfExists.REFRESH, stands=False) == ANEW


def test_what_somebody_has_changed_since_is_fetched_anew(found: Found) -> None:
    assert judged(found, IfExists.REFRESH, left=(8, 8)) == ANEW


def test_bytes_that_are_not_as_the_options_want_them_are_fetched_anew(found: Found) -> None:
    """Size and type are those of what was fetched."""
    assert judged(found, IfExists.REFRESH, min_size=6) == ANEW
    assert judged(found, IfExists.REFRESH, expect_type=("image/*",)) == ANEW
    assert judged(found, IfExists.REFRESH, max_size=5, expect_type=("text/*",)) == CONDITIONAL


@pytest.mark.parametrize("policy", [IfExists.REFRESH, IfExists.SKIP])
def test_a_checksum_is_compared_with_that_of_the_bytes(found: Found, policy: IfExists) -> None:
    """Another algorithm than that of the state cannot be: then they are fetched anew."""
    kept = judged(found, policy, checksum=f"sha256={sha256(BYTES).hexdigest()}")
    assert isinstance(kept, Kept)
    assert kept.outcome is (Outcome.SKIPPED if policy is IfExists.SKIP else Outcome.UNCHANGED)
    assert judged(found, policy, checksum=f"sha256={sha256(b'other').hexdigest()}") == ANEW
    assert judged(found, policy, checksum=f"md5={'0' * 32}") == ANEW


def test_the_other_policies_are_about_what_is_there(found: Found) -> None:
    assert judged(found, IfExists.REPLACE) == ANEW
    assert judged(found, IfExists.RENAME) == Wanted(replaces=False)
    if found.status:
        with pytest.raises(TargetError, match="exists already"):
            judged(found, IfExists.FAIL)
    else:
        assert judged(found, IfExists.FAIL) == Wanted(replaces=False)


def test_a_link_that_leads_nowhere_is_no_file_that_was_removed(tmp_path: Path) -> None:
    status = os.stat(tmp_path)  # noqa: PTH116 - any
    found = Found(None, (status.st_dev, status.st_ino))
    assert judged(found, IfExists.SKIP) == Wanted(replaces=False)
