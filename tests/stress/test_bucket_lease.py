"""Two machines, one bucket: one of them saves at a time, and a dead one holds it for a minute."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyfetch.errors import StoppedError
from pyfetch.storage.objects import bucket_lock
from pyfetch.storage.objects.address import BucketAddress
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_lock import BucketLock, Holder
from tests.support.buckets import KEY_ID, SECRET, BucketOfTests
from tests.support.waiting import within

pytestmark = pytest.mark.slow


@pytest.fixture(params=["bucket", "strict_bucket"])
def place(request: pytest.FixtureRequest) -> BucketOfTests:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, BucketOfTests)
    return found


def locked(place: BucketOfTests, home: Path) -> BucketLock:
    """A lock of a run whose state is in this directory."""
    options = {
        "endpoint": f"http://127.0.0.1:{place.port}",
        "access_key_id": KEY_ID,
        "secret_access_key": SECRET,
        "region": "us-east-1",
    }
    home.mkdir(exist_ok=True)
    return BucketLock(Bucket(BucketAddress.of(place.address), options.items()), home)


def test_one_machine_at_a_time(place: BucketOfTests, tmp_path: Path) -> None:
    first, second = locked(place, tmp_path / "a"), locked(place, tmp_path / "b")
    first.acquire()
    with pytest.raises(StoppedError, match=r"another run holds s3://.*process \d+, seen \d+ sec"):
        second.acquire()
    threading.Timer(0.5, first.release).start()
    second.acquire(wait=20)
    second.release()
    assert place.list() == []


def test_the_lease_of_a_killed_run_on_this_machine_ends_at_once(
    place: BucketOfTests, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    dead = Holder.this(tmp_path / "a")._replace(process=2**22 + 1)
    for holder in (dead, dead._replace(home=(0, 0)), dead._replace(boot="an earlier one")):
        place.write(".pyfetch/lease", holder.to_bytes())
        lock = locked(place, tmp_path / "a")
        began = time.monotonic()
        lock.acquire()
        assert within(5, time.monotonic() - began)
        lock.release()


def test_the_lease_of_a_dead_machine_ends_with_time(
    place: BucketOfTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_lock, "LEASE", 3.0)
    (tmp_path / "a").mkdir()
    dead = Holder.this(tmp_path / "a")._replace(machine="another")
    place.write(".pyfetch/lease", dead.to_bytes())
    lock = locked(place, tmp_path / "b")
    with pytest.raises(StoppedError, match="if it was killed, it holds it for"):
        lock.acquire()
    lock = locked(place, tmp_path / "b")
    lock.acquire(wait=10)
    lock.release()


def test_a_lease_has_the_age_that_the_server_says(
    place: BucketOfTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of this machine may be an hour before that of the other one."""
    ahead = SimpleNamespace(
        monotonic=time.monotonic, sleep=time.sleep, time=lambda: time.time() + 3600,
        time_ns=lambda: time.time_ns() + 3600 * 10**9,
    )  # fmt: skip
    monkeypatch.setattr(bucket_lock, "time", ahead)
    (tmp_path / "a").mkdir()
    other = Holder.this(tmp_path / "a")._replace(machine="another")
    place.write(".pyfetch/lease", other.to_bytes())
    with pytest.raises(StoppedError, match="another run holds"):
        locked(place, tmp_path / "b").acquire()


def test_a_lease_is_renewed_and_its_loss_stops_the_run(
    place: BucketOfTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_lock, "_RENEW_EVERY", 0.1)
    lock = locked(place, tmp_path / "a")
    lock.acquire()
    time.sleep(0.5)
    lock.check()
    other = json.loads(place.read(".pyfetch/lease")) | {
        "token": "other",
        "who": "me\nelsewhere",
        "machine": "another",
    }
    place.write(".pyfetch/lease", json.dumps(other).encode())
    time.sleep(1)
    with pytest.raises(StoppedError, match=r"another run has taken s3://.*elsewhere"):
        lock.check()
    lock.release()
    assert b"other" in place.read(".pyfetch/lease"), "a lease of another run is not ours to end"


def test_a_request_of_a_run_that_is_gone_takes_the_lease_from_nobody(
    place: BucketOfTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy server may do only now what a killed run has asked for."""
    monkeypatch.setattr(bucket_lock, "_RENEW_EVERY", 0.1)
    (tmp_path / "a").mkdir()
    dead = Holder.this(tmp_path / "a").to_bytes()
    lock = locked(place, tmp_path / "a")
    write = lock._write  # noqa: SLF001 - what happens between two of its requests
    late = [dead]

    def written(us: Holder, instead_of: str | None) -> None:
        write(us, instead_of)
        if late:
            place.write(".pyfetch/lease", late.pop())

    monkeypatch.setattr(lock, "_write", written)
    lock.acquire()
    assert not late
    place.write(".pyfetch/lease", dead)
    until = time.monotonic() + 20
    while place.read(".pyfetch/lease") == dead and time.monotonic() < until:
        time.sleep(0.05)
    lock.check()
    lock.release()
    assert place.list() == []


def test_what_is_no_lease_holds_nobody_up_for_ever(
    place: BucketOfTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_lock, "LEASE", 1.0)
    place.write(".pyfetch/lease", b"[1, 2")
    lock = locked(place, tmp_path / "a")
    lock.acquire(wait=10)
    lock.release()
