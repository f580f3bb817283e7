"""What a small file costs in calls to the file system: each hands the interpreter's lock on."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyfetch.storage import directory, file_ledger, filesystem
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.part import Part
from pyfetch.storage.parts import Parts
from pyfetch.storage.placing import Placement, WhenThere
from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page

NUMBER = 60
CALLS = (
    "open", "close", "write", "link", "rename", "replace", "unlink", "utime", "stat", "lstat",
    "fstat", "mkdir", "pwritev", "ftruncate", "lseek", "fsync", "listdir", "statvfs", "access",
)  # fmt: skip
ODD = 1_700_000_001.0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often which function of `os` was called."""
    counts: Counter[str] = Counter()
    # What is looked at every so many milliseconds is not counted, however slow the machine is.
    monkeypatch.setattr(directory, "_CHECK_EVERY", math.inf)
    monkeypatch.setattr(filesystem, "_FREE_SPACE_HOLDS", math.inf)
    monkeypatch.setattr(file_ledger, "COMMIT_EVERY", 60.0)

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*values, **named)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, counting(name, getattr(os, name)))
    return counts


@pytest.mark.slow
def test_a_small_file_takes_six_calls(
    pyfetch: Command, server: LoopbackServer, counted: Counter[str]
) -> None:
    """See that its name is free; make, write and date the file; name it; close it.

    One more `write` sends the request. What a run does once is left out by a second, longer one.
    """
    for number in range(2 * NUMBER):
        server.pages[f"/{number}"] = Page(b"small", modified=ODD)
    urls = [f"{server.url}/{number}" for number in range(2 * NUMBER)]
    before = Counter(counted)
    pyfetch("-q", "-o", "short", *urls[:NUMBER])
    once = counted - before
    before = Counter(counted)
    pyfetch("-q", "-o", "long", *urls)
    twice = counted - before
    few = NUMBER // 4
    for name in CALLS:
        times = {"access": 1, "open": 1, "write": 2, "utime": 1, "link": 1, "close": 1}.get(name, 0)
        assert abs(twice[name] - once[name] - times * NUMBER) <= few, name


def test_a_small_member_of_a_pack_takes_one_call(
    pyfetch: Command, server: LoopbackServer, counted: Counter[str]
) -> None:
    """It is neither opened nor named. Beside the one call, `write` sends the request."""
    for number in range(2 * NUMBER):
        server.pages[f"/{number}"] = Page(b"small", modified=ODD)
    urls = [f"{server.url}/{number}" for number in range(2 * NUMBER)]
    before = Counter(counted)
    pyfetch("-q", "-o", "short", "--pack", "webdataset", *urls[:NUMBER])
    once = counted - before
    before = Counter(counted)
    pyfetch("-q", "-o", "long", "--pack", "webdataset", *urls)
    twice = counted - before
    for name in CALLS:
        times = {"pwritev": 1, "write": 1}.get(name, 0)
        assert abs(twice[name] - once[name] - times * NUMBER) <= NUMBER // 4, name


@pytest.mark.parametrize("policy", ["refresh", "rename", "skip"])
def test_a_file_that_appears_after_its_name_was_given_is_the_users(
    pyfetch: Command, server: LoopbackServer, policy: str
) -> None:
    """Its time is one that pyfetch sets, too: nobody looks again before the request."""

    def first(handler: Handler) -> None:
        mine = pyfetch.directory / "second"
        mine.write_bytes(b"mine")
        os.utime(mine, (ODD, ODD))
        handler.answer(200, b"first")

    server.routes["/first"] = first
    server.pages["/second"] = Page(b"content", modified=ODD - 100)
    urls = [f"{server.url}/first", f"{server.url}/second"]
    ended = pyfetch("-w", "1", "--if-exists", policy, "--format", "jsonl", *urls)
    kept = [one.read_bytes() for one in pyfetch.directory.glob("second*")]
    assert b"mine" in kept
    assert "If-Modified-Since" not in server.asked[-1].headers
    second = ended.results[1]
    if policy == "refresh":
        assert second["backup"] == "second.~1~"
        assert (pyfetch.directory / "second").read_bytes() == b"content"
    elif policy == "rename":
        assert second["error"] == "exists"
    else:
        assert second["outcome"] == "skipped"
        assert server.paths() == ["/first"]


def test_the_time_that_is_noted_is_the_one_that_the_file_system_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT keeps even seconds; a file whose time is not the one that is noted would be fetched
    again in each run."""
    prepare(tmp_path)
    (tmp_path / ".pyfetch/parts").mkdir()
    real = os.utime

    def fat(descriptor: int, times: tuple[float, float]) -> None:
        real(descriptor, (times[0] // 2 * 2, times[1] // 2 * 2))

    def noted(all_parts: Parts, name: str, modified: float | None) -> int:
        with Part(all_parts, name, "http://h/x") as one:
            one.begin(4, is_whole=True)
            one.write(b"text")
            return one.commit(Placement(WhenThere.KEEP), modified=modified).modified_ns

    def on_disk(name: str) -> int:
        return (tmp_path / name).stat().st_mtime_ns

    exact = Parts(OutputDirectory(tmp_path))
    for number, modified in enumerate([ODD - 1, ODD, ODD + 4, None, 1.0, ODD + 1.5]):
        assert noted(exact, f"a{number}", modified) == on_disk(f"a{number}")
    monkeypatch.setattr(os, "utime", fat)
    rounding = Parts(OutputDirectory(tmp_path))
    for number, modified in enumerate([ODD - 1, ODD, ODD + 2]):
        assert noted(rounding, f"b{number}", modified) == on_disk(f"b{number}")
    looked: list[int] = []
    status = os.fstat

    def look(file: int) -> os.stat_result:
        looked.append(file)
        return status(file)

    monkeypatch.setattr(os, "fstat", look)
    noted(exact, "c", ODD)
    assert not looked
    noted(rounding, "d", ODD)
    assert looked
