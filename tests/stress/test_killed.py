"""Rerun the same command and it finishes the job, whenever it was killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import threading
import time
from pathlib import Path

import pytest

from pyfetch.storage.parts import read_metadata
from tests.support.command import Command, InstalledCommand
from tests.support.killing import killed_after
from tests.support.origin import PIECE, Origin
from tests.support.server import LoopbackServer

KILLS = 40
WORKERS = 8
FILES = 204
MIB = 1024 * 1024
"""More than libcurl's engine gathers of a body before a helper writes it."""
BACKUP = r"\.~\d+~$"
SEED = 20261123


class Watcher(threading.Thread):
    """Looks at all that has a final name, again and again, and notes what is not whole."""

    def __init__(self, directory: Path, origin: Origin) -> None:
        super().__init__(daemon=True)
        self._directory = directory
        self._origin = origin
        self._seen: dict[tuple[str, int, int], None] = {}
        self.wrong: list[str] = []
        self.looked = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.04):
            self.look()

    def look(self) -> None:
        for entry in os.scandir(self._directory) if self._directory.exists() else ():
            if entry.name == ".pyfetch":
                continue
            try:
                content = None
                status = entry.stat()
                version = (entry.name, status.st_ino, status.st_mtime_ns)
                if version in self._seen:
                    continue
                content = Path(entry.path).read_bytes()
            except FileNotFoundError:
                continue
            self.looked += 1
            self._seen[version] = None
            # A run that was killed may have replaced a file without a note of it. The next one
            # cannot tell that from a change of the user's, and keeps it: whole, too.
            name = re.sub(BACKUP, "", entry.name)
            if hashlib.sha256(content).hexdigest() not in self._origin.versions[name]:
                self.wrong.append(f"{entry.name}: {len(content)} bytes")


def kept_bytes(directory: Path) -> int:
    """Bytes of files and parts that a rerun can go on from."""
    parts = directory / ".pyfetch" / "parts"
    sizes = [p.stat().st_size for p in directory.iterdir() if p.is_file()]
    for note in parts.glob("*.json"):
        # A note that was being written when the kill came is none: then there are no bytes yet.
        with contextlib.suppress(ValueError, FileNotFoundError):
            total = read_metadata(note).total
            # Of a part that is whole, a byte is asked for again.
            status = note.with_suffix(".part").stat()
            if status.st_nlink == 1:  # else it is counted under its final name
                sizes.append(min(status.st_size, total - 1))
    return sum(sizes)


@pytest.mark.parametrize("changing", [False, True], ids=["same origin", "changing origin"])
def test_a_run_that_is_killed_again_and_again_gets_there_with_nothing_wrong_on_the_way(
    pyfetch: Command,
    installed: InstalledCommand,
    server: LoopbackServer,
    changing: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    randomness = random.Random(SEED + changing)
    origin = Origin(server, randomness, FILES)
    (pyfetch.directory / "urls.txt").write_text(
        "".join(f"{server.url}{path}\n" for path in server.pages)
    )
    data = pyfetch.directory / "data"
    data.mkdir()
    arguments = ("urls.txt", "-o", "data", "--workers", str(WORKERS))
    watcher = Watcher(data, origin)
    watcher.start()
    killed = lost = kept = sent = 0
    for _ in range(KILLS):
        asked = len(server.asked) + 1
        # What is whole is right, and need not be asked for each time.
        refreshes = changing and randomness.random() < 0.25
        run = installed.start(*arguments, "--if-exists", "refresh" if refreshes else "skip")
        killed += killed_after(run, server, asked, randomness=randomness, longest=0.2)
        if not changing:
            while server.at_once:
                time.sleep(0.002)  # until the server, too, knows that nobody listens
            now = kept_bytes(data)
            lost_now = (server.sent - sent) - (now - kept)
            # At most a piece in flight and one on its way to each worker.
            assert lost_now <= WORKERS * (MIB if pyfetch.engine == "curl" else 2 * PIECE)
            lost, kept, sent = lost + lost_now, now, server.sent
        else:
            origin.change_some()
    ended = pyfetch(*arguments)
    watcher.ended.set()
    watcher.join()
    watcher.look()
    assert ended.status == 0, ended.err
    assert watcher.wrong == []
    assert watcher.looked >= len(server.pages)
    assert killed >= KILLS * 3 // 4, "it was caught too late too often"
    for path, page in server.pages.items():
        assert (data / path[1:]).read_bytes() == page.body
    assert list((data / ".pyfetch").rglob("*.part")) == []
    # Only a file that was replaced, and whose note was cut off by a kill, looks like the user's.
    backups = [file.name for file in data.iterdir() if re.search(BACKUP, file.name)]
    assert len(backups) <= (killed if changing else 0), backups
    with capsys.disabled():
        print(
            f"\n{killed} of {KILLS} kills in mid-run: {origin.size:,} bytes in"
            f" {len(server.pages)} files, {server.sent:,} sent"
            + ("" if changing else f", {lost:,} lost in flight by the kills")
        )
    if not changing:
        assert server.sent <= origin.size + lost
