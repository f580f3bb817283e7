"""An attempt sends nothing itself: it says step by step what has to be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyfetch.attempt import Assignment, Finished
from pyfetch.checksum import Checksum
from pyfetch.engine.download import Downloader
from pyfetch.engine.download_attempt import BEFORE_WAIT, BEFORE_WORK, Get
from pyfetch.facts import FileFacts, Known
from pyfetch.models import Failure, Outcome, Target, TargetError
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.cleanup import sweep
from pyfetch.storage.destination import home_of
from pyfetch.storage.filesystem import prepare
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


KEYS = (("access_key_id", "KEY"), ("secret_access_key", "SECRET"), ("endpoint", "http://h"))
BUCKETS: dict[str, tuple[tuple[str, str], ...]] = {"memory:///p": (), "s3://b/p": KEYS}


@pytest.mark.parametrize(
    ("bucket", "known", "if_exists", "waits"),
    [
        ("memory:///p", Known(), IfExists.REFRESH, False),
        ("memory:///p", Known(), IfExists.SKIP, True),
        ("memory:///p", Known(FileFacts(5, 1)), IfExists.REFRESH, True),
        # It is not known yet whether this server obeys conditions.
        ("s3://b/p", Known(), IfExists.REFRESH, True),
    ],
)
def test_an_attempt_says_so_before_it_asks_a_bucket(
    tmp_path: Path, bucket: str, known: Known, if_exists: IfExists, waits: bool
) -> None:
    """A loop leaves that to a thread, and nothing else: it costs more than what a loop does."""
    target = FILE._replace(known=known)
    settings = Settings(
        output_dir=bucket, store_option=BUCKETS[bucket], state_dir=str(tmp_path),
        if_exists=if_exists,
    )  # fmt: skip
    home = home_of(settings)
    prepare(home)
    sweep(home)
    steps = Downloader(settings).steps(target, Transfer(Assignment.first_of(target)))
    step = next(steps)
    assert step is BEFORE_WAIT if waits else isinstance(step, Get)
    steps.close()
