"""Discipline of the disk: full, nearly full, and made durable."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pyfetch.storage.cleanup import sweep
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.part import Part
from pyfetch.storage.parts import Parts
from pyfetch.storage.placing import Placement, WhenThere
from tests.support.command import Command, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page

MEGABYTE = 1_000_000
BODY = os.urandom(MEGABYTE)


def test_a_disk_that_gets_full_stops_the_run_and_the_same_command_goes_on_after(
    pyfetch: Command, server: LoopbackServer, small_disk: Path
) -> None:
    def unannounced(handler: Handler) -> None:
        handler.head(200, Connection="close")
        handler.send(BODY * 2)

    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    # Each fits alone; both do not, which only the disk can tell.
    server.pages |= {f"/{name}": Page(BODY[:400_000]) for name in "ab"}
    server.routes["/endless"] = unannounced
    urls = [f"{server.url}/{name}" for name in ("a", "endless", "b")]
    arguments = ("-w", "1", "-o", str(small_disk), *urls)

    ended = pyfetch(*arguments)
    assert ended.status == 3
    error, summary = ended.err.splitlines()
    # The body meets the full disk, or the state does, which notes the first file meanwhile.
    full = ("endless: No space left on device", "state.sqlite3: database or disk is full")
    assert any(reason in error for reason in full)
    assert "run the same command again to go on" in error
    assert "fetched 1" in summary
    assert [row[4] for row in ended.rows] == ["-", "cancelled"]
    assert not (small_disk / "endless").exists()
    assert not (small_disk / "b").exists()

    with (small_disk / "more").open("wb", buffering=0) as more, contextlib.suppress(OSError):
        while True:
            more.write(bytes(4096))
    again = pyfetch(*arguments)
    assert again.status == 3
    assert "Traceback" not in again.err

    (small_disk / "more").unlink()
    ballast.unlink()
    del server.routes["/endless"]
    server.pages["/endless"] = Page(b"small")
    ended = pyfetch(*arguments)
    assert (ended.status, [row[0] for row in ended.rows]) == (0, ["304", "200", "200"])
    assert (small_disk / "a").read_bytes() == BODY[:400_000]


def test_parts_that_can_be_continued_are_kept_on_a_full_disk(
    pyfetch: Command, server: LoopbackServer, small_disk: Path
) -> None:
    ballast = small_disk / "ballast"

    def fills_up(handler: Handler) -> None:
        """The rest of the disk is taken by somebody else after the first half came."""
        page = server.pages["/x"]
        handler.head(200, Content_Length="600000", ETag=page.etag or "")
        handler.send(page.body[:300_000])
        handler.wfile.flush()
        parts = small_disk / ".pyfetch" / "parts"
        while not any(part.stat().st_size == 300_000 for part in parts.glob("*.part")):
            server.over.wait(0.01)
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        handler.send(page.body[300_000:])

    server.pages["/x"] = Page(BODY[:600_000])
    server.routes["/x"] = fills_up
    ended = pyfetch("-o", str(small_disk), f"{server.url}/x")
    assert ended.status == 3
    assert "No space left on device" in ended.err
    ballast.unlink()
    del server.routes["/x"]
    assert pyfetch("-o", str(small_disk), f"{server.url}/x").status == 0
    assert int(server.asked[-1].headers["Range"][len("bytes=") : -1]) >= 300_000
    assert (small_disk / "x").read_bytes() == BODY[:600_000]


def test_a_length_larger_than_the_free_space_fails_that_url_before_its_first_byte(
    pyfetch: Command, server: LoopbackServer, small_disk: Path
) -> None:
    server.pages |= {"/large": Page(BODY * 2), "/small": Page(b"small")}
    urls = [f"{server.url}/large", f"{server.url}/small"]
    ended = pyfetch("-o", str(small_disk), "--format", "jsonl", *urls)
    assert [result["error"] for result in ended.results] == ["disk", None]
    assert "2.0 MB do not fit" in ended.results[0]["detail"]
    assert ended.status == 1


def test_min_free_stops_before_it_comes_to_that(
    pyfetch: Command, server: LoopbackServer, tmp_path: Path
) -> None:
    server.pages["/x"] = Page(b"x")
    more_than_there_is = str(shutil.disk_usage(tmp_path).free + 10**9)
    ended = pyfetch("--min-free", more_than_there_is, f"{server.url}/x", f"{server.url}/y")
    assert ended.status == 3
    assert "--min-free" in ended.err.splitlines()[0]
    assert not (tmp_path / "x").exists()
    assert pyfetch("--min-free", "1M", f"{server.url}/x").status == 0


def test_min_free_counts_what_is_about_to_be_written(
    pyfetch: Command, server: LoopbackServer, small_disk: Path
) -> None:
    server.pages |= {"/a": Page(BODY[:300_000]), "/b": Page(BODY[:700_000])}
    urls = [f"{server.url}/a", f"{server.url}/b"]
    ended = pyfetch("-w", "1", "--min-free", "300K", "-o", str(small_disk), *urls)
    assert ended.status == 3
    assert (small_disk / "a").exists()
    assert not (small_disk / "b").exists()


def test_results_that_cannot_be_written_stop_the_run(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"x")
    with Path("/dev/full").open("wb") as full:
        run = forked.start("--discard", f"{server.url}/x", stdout=full)
        _, err = run.communicate(timeout=20)
    assert run.returncode == 3
    assert b"cannot write the results: No space left on device" in err
    assert b"Traceback" not in err


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Which files were written to disk, or have got a name, in that order."""
    done: list[tuple[str, str]] = []

    def noted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            what = arguments[0]
            path = Path(f"/proc/self/fd/{what}" if isinstance(what, int) else str(what))
            if path.parent == Path("/proc/self/fd"):
                path = path.readlink()
            done.append((name, path.suffix or path.name))
            return real(*arguments, **options)

        return call

    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(os, "link", noted("link", os.link))
    return done


def test_fsync_makes_the_file_and_then_its_name_durable(
    tmp_path: Path, done: list[tuple[str, str]]
) -> None:
    prepare(tmp_path)
    sweep(tmp_path)
    done.clear()
    for name, fsync in (("x", False), ("y", True)):
        with Part(Parts(tmp_path), name, f"http://h/{name}", fsync=fsync) as part:
            part.begin(None, None)
            part.write(b"content")
            part.commit(Placement(WhenThere.BACK_UP), modified=None)
    assert done == [
        ("link", ".part"),
        ("fsync", ".part"), ("link", ".part"), ("fsync", tmp_path.name),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "of_member"), [((), []), (("--fsync",), [("fsync", ".tar")])], ids=["", "fsync"]
)
def test_a_pack_is_durable_before_it_has_its_name(
    pyfetch: Command,
    server: LoopbackServer,
    done: list[tuple[str, str]],
    options: tuple[str, ...],
    of_member: list[tuple[str, str]],
) -> None:
    """So is what stands beside it. With `--fsync`, each member is durable when it is reported."""
    server.pages["/x"] = Page(BODY)
    assert pyfetch("-o", "data", "--pack", "webdataset", *options, f"{server.url}/x").status == 0
    assert done == [
        *of_member, ("fsync", ".tar"), ("fsync", ".json"), ("link", ".tar"), ("fsync", "data"),
    ]  # fmt: skip


def test_fsync_is_what_the_option_asks_for(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(BODY)
    assert pyfetch("--fsync", f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == BODY
