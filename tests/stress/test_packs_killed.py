"""Packs, however often their runs are killed: what is sealed is right, and at last all is there."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.killing import killed_after
from tests.support.origin import Origin
from tests.support.packs import WEBDATASET, bodies, bodies_of, members, packs
from tests.support.server import LoopbackServer

KILLS = 40
OBJECTS = 300
SEED = 20261126


class PackWatcher(threading.Thread):
    """Looks at all sealed packs, again and again, and notes what is not whole and right."""

    def __init__(self, directory: Path, expected: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self._directory = directory
        self._expected = expected
        self.seen: dict[str, bytes] = {}
        self.wrong: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.04):
            self.look()

    def look(self) -> None:
        for pack in packs(self._directory):
            content = pack.read_bytes()
            if self.seen.setdefault(pack.name, content) != content:
                self.wrong.append(f"{pack.name} was changed")
            try:
                found = bodies_of(pack)
            except Exception as error:
                self.wrong.append(f"{pack.name}: {error!r}")
                continue
            self.wrong += [url for url, body in found.items() if self._expected[url] != body]


def test_runs_that_are_killed_again_and_again_fill_packs_that_are_right_at_each_moment(
    pyfetch: Command,
    forked: InstalledCommand,
    server: LoopbackServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At the end, each body is there once."""
    randomness = random.Random(SEED)
    origin = Origin(server, randomness, OBJECTS)
    expected = {server.url + path: page.body for path, page in server.pages.items()}
    (pyfetch.directory / "urls.txt").write_text("".join(f"{url}\n" for url in expected))
    data = pyfetch.directory / "data"
    data.mkdir()
    arguments = ("urls.txt", "-o", "data", *WEBDATASET, "--pack-count", "40")
    watcher = PackWatcher(data, expected)
    watcher.start()
    killed = 0
    for _ in range(KILLS):
        asked = len(server.asked) + 1
        processes = randomness.choice(["1", "2"])
        order = randomness.choice(["input", "arrival"])
        run = forked.start(
            *arguments, "--if-exists", "skip", "--processes", processes, "--pack-order", order
        )
        killed += killed_after(run, server, asked, randomness=randomness, longest=0.2)
    ended = pyfetch(*arguments)
    watcher.ended.set()
    watcher.join()
    watcher.look()
    assert ended.status == 0, ended.err
    assert watcher.wrong == []
    assert killed >= KILLS * 3 // 4, "it was caught too late too often"
    assert bodies(data) == expected
    assert sum(len(members(pack)) for pack in packs(data)) == 2 * OBJECTS
    assert not list((data / ".pyfetch").rglob("*.tar"))
    with capsys.disabled():
        print(
            f"\n{killed} of {KILLS} kills in mid-run: {origin.size:,} bytes in {OBJECTS} members of"
            f" {len(packs(data))} packs, {server.sent - origin.size:,} bytes sent again"
        )
