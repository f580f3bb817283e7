"""An attempt sends nothing itself: it says step by step what has to be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyfetch.attempt import Assignment, Finished
from pyfetch.checksum import Checksum
from pyfetch.engine.download import Downloader
from pyfetch.engine.download_attempt import BEFORE_WORK, Get
from pyfetch.models import Failure, Outcome, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

FILE = Target(1, parse_url("http://h/a"), "a")


def test_the_caller_makes_the_request_of_an_attempt_and_says_how_it_failed() -> None:
    """What a request has raised is thrown into the attempt, which ends with it."""
    transfer = Transfer(Assignment.first_of(FILE))
    steps = Downloader(Settings(discard=True)).steps(FILE, transfer)
    step = next(steps)
    assert isinstance(step, Get)
    assert step.state.url == FILE.url
    with pytest.raises(StopIteration) as ended:
        steps.throw(TargetError(Failure.DNS, "no such host"))
    outcome = ended.value.value
    assert isinstance(outcome, Finished)
    assert (outcome.result.error, outcome.result.detail) == (Failure.DNS, "no such host")


def test_an_attempt_says_so_before_it_hashes_a_file_that_is_there(tmp_path: Path) -> None:
    """A loop can leave that to a thread; then no request is needed if the file is right."""
    (tmp_path / "a").write_bytes(b"hello")
    checksum = Checksum("md5", "5d41402abc4b2a76b9719d911017c592")
    target = FILE._replace(checksum=checksum)
    downloader = Downloader(Settings(output_dir=str(tmp_path), state=False))
    steps = downloader.steps(target, Transfer(Assignment.first_of(target)))
    assert next(steps) is BEFORE_WORK
    with pytest.raises(StopIteration) as ended:
        next(steps)
    assert ended.value.value.result.outcome is Outcome.UNCHANGED
