"""The state of a run into a bucket: where it is, whose it is, and who may use it at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pyfetch.storage.objects import bucket_lock
from pyfetch.storage.objects.bucket_lock import Holder
from tests.support.buckets import BucketOfTests, may_use_buckets
from tests.support.command import Command, Ended, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def with_credentials(pyfetch: Command) -> None:
    may_use_buckets(pyfetch)


def states_below(directory: Path) -> set[Path]:
    """The directories there that have the state of a run."""
    return {file.parent.parent for file in directory.rglob("state.sqlite3")}


def told(ended: Ended) -> str:
    """What a command has said, on one line."""
    return " ".join(ended.err.split())


def test_each_destination_has_a_directory_of_its_own_which_the_summary_names(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    """By default it is below the user's state directory; a rerun finds its own again."""
    pyfetch.environment["HOME"] = str(pyfetch.directory / "home")
    del pyfetch.environment["XDG_STATE_HOME"]
    server.pages = {"/x": Page(b"x")}
    found: set[Path] = set()
    for place in ("one", "two", "one/two"):
        arguments = ("-o", f"{bucket.address}/{place}", "--store-option", bucket.endpoint)
        ended = pyfetch(*arguments, f"{server.url}/x")
        assert ended.status == 0, ended.err
        (home,) = states_below(pyfetch.directory) - found
        assert home.parent == pyfetch.directory / "home" / ".local" / "state" / "pyfetch"
        assert f"state in {home}" in told(ended)
        assert home.name.startswith("s3-bucket-")
        found.add(home)
        assert pyfetch(*arguments, f"{server.url}/x").rows[0][0] == "304"
    assert states_below(pyfetch.directory) == found
    assert len(server.asked) == 6


def test_state_dir_is_where_the_state_is_then(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    """A relative one is below the working directory, and is made; two destinations share none."""
    server.pages = {"/x": Page(b"x")}
    for count, place in enumerate(("one", "two"), 1):
        arguments = ("-o", f"{bucket.address}/{place}", "--store-option", bucket.endpoint)
        ended = pyfetch(*arguments, "--state-dir", "deep/states", f"{server.url}/x")
        assert ended.status == 0, ended.err
        homes = states_below(pyfetch.directory)
        assert len(homes) == count
        assert {home.parent for home in homes} == {pyfetch.directory / "deep" / "states"}
        assert "state in deep/states/s3-bucket-" in told(ended)
        whole = str(pyfetch.directory / "deep" / "states")
        again = pyfetch(*arguments, "--state-dir", whole, f"{server.url}/x")
        assert again.rows[0][0] == "304", "it is the same place by its whole path"
        assert pyfetch(*arguments, "--state-dir", whole, "--verify").status == 0
    assert not (pyfetch.directory / "state").exists()


def test_a_state_dir_that_cannot_be_written_stops_the_run_before_anything_is_fetched(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"x")}
    (pyfetch.directory / "file").write_text("no directory")
    for place in ("file", "file/below", "/proc/states"):
        ended = pyfetch(*bucket.arguments("--state-dir", place, f"{server.url}/x"))
        assert ended.status == 3, ended.err
        assert place in told(ended)
        assert "Traceback" not in ended.err
    assert not server.asked
    assert bucket.list() == []


@pytest.mark.parametrize("options", [(), ("--pack", "webdataset")], ids=["objects", "packs"])
def test_a_run_whose_lease_another_machine_has_taken_stops_and_says_who_has_it(
    pyfetch: Command,
    server: LoopbackServer,
    bucket: BucketOfTests,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    """It may have been suspended for longer than the lease lasts."""
    monkeypatch.setattr(bucket_lock, "_RENEW_EVERY", 0.02)
    other = Holder.this(pyfetch.directory)._replace(machine="another", who="somebody elsewhere")

    def is_noticed() -> bool:
        bucket.write(".pyfetch/lease", other.to_bytes())  # again: it may be renewed just now
        return not any(thread.name == "pyfetch-lease" for thread in threading.enumerate())

    def taken(handler: Handler) -> None:
        until(is_noticed)
        handler.answer(200, b"late")

    server.routes["/late"] = taken
    server.pages = {"/after": Page(b"after")}
    urls = [f"{server.url}/late", f"{server.url}/after"]
    ended = pyfetch(*bucket.arguments("-w", "1", *options, *urls))
    assert ended.status == 3, ended.err
    assert f"another run has taken {bucket.address}: somebody elsewhere" in told(ended)
    assert bucket.read(".pyfetch/lease") == other.to_bytes()
    assert not [name for name in bucket.objects() if name.endswith(".tar")]


def test_a_second_run_is_told_who_holds_the_bucket(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    """With the same state by the lock on this machine, with another one by the lease."""
    asked, is_over = threading.Event(), threading.Event()

    def waits(handler: Handler) -> None:
        asked.set()
        is_over.wait(30)
        handler.answer(200, b"slow")

    server.routes["/slow"] = waits
    server.pages = {"/x": Page(b"x")}
    run = forked.start(*bucket.arguments(f"{server.url}/slow"))
    try:
        assert asked.wait(30)
        same = pyfetch(*bucket.arguments(f"{server.url}/x"))
        other = pyfetch(*bucket.arguments("--state-dir", "other", f"{server.url}/x"))
        beside = pyfetch(
            "-o", f"{bucket.address}/beside", "--store-option", bucket.endpoint, f"{server.url}/x"
        )
    finally:
        is_over.set()
        run.communicate()
    for ended in (same, other):
        assert ended.status == 3, ended.err
        assert f"another run holds {bucket.address}: " in told(ended)
        assert f"process {run.pid}" in told(ended)
    assert beside.status == 0, "another prefix is another place"
    assert run.returncode == 0
    assert bucket.objects() == {"slow": b"slow", "beside/x": b"x"}
