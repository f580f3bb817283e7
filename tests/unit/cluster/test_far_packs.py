"""Packs that a member appends to and the coordinator keeps, with both in this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyfetch.cluster.far_packs import BLOCK, WINDOW, FarPacks, PacksHere
from pyfetch.cluster.pack_messages import PackBytes, PackBytesWanted, PackBytesWritten
from pyfetch.errors import StoppedError
from pyfetch.settings import Pack, Settings
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.packs.pack_format import PackedMember
from pyfetch.storage.packs.pack_source import GivenPack
from pyfetch.storage.packs.pack_store import PackStore

NAME = "000000.tar"
LARGE = bytes(range(256)) * 4096 * 6
"""More than a member may have sent without an answer."""


class Both:
    """A member and its coordinator. Counts what is sent of each kind."""

    def __init__(self, place: Path) -> None:
        self.sent: list[str] = []
        settings = Settings(pack=Pack.WEBDATASET, pack_count=3)
        there, here = (OutputDirectory(place / name) for name in ("coordinator", "member"))
        for directory in (there, here):
            directory.path.mkdir()
            prepare(directory.path)
            (directory.path / ".pyfetch" / "parts").mkdir()
        self.coordinator, self.member = (PackStore.of(settings, one) for one in (there, here))
        self.here = PacksHere(self.coordinator)
        self.far = FarPacks(here, self.send)
        self.member.append_to(self.far, self.far.written)
        self.member.writer.source = self

    def send(self, message: Any) -> None:
        self.sent.append(type(message).__name__)
        if isinstance(message, PackBytesWanted):
            self.far.hear(self.here.read(message))
        elif isinstance(message, PackBytes):
            self.here.write(message)
            self.far.hear(PackBytesWritten(len(message.data)))

    def take(self) -> GivenPack:
        self.coordinator.open_packs.create(NAME)
        os.truncate(self.opened, 100)  # of an earlier run, or of another member
        return GivenPack(NAME, 100, 1)

    def full(self, name: str, length: int, members: int) -> None:
        self.far.forget(name)

    def left(self, name: str, length: int) -> None:
        raise AssertionError("it is full")

    @property
    def opened(self) -> Path:
        return self.coordinator.directory.path / ".pyfetch" / "packs" / NAME


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    both = Both(tmp_path)
    yield both
    both.here.close(NAME)
    both.coordinator.close()
    both.member.close()


def packed(content: bytes) -> PackedMember:
    return PackedMember("name", [content], len(content), 0, len(content))


def test_what_a_member_appends_is_in_the_pack_of_the_coordinator(both: Both) -> None:
    for content in (b"small", LARGE):
        both.member.writer.append(packed(content), 1)
    assert both.opened.read_bytes() == bytes(100) + b"small" + LARGE
    assert both.sent == ["PackBytes"] * (1 + len(LARGE) // BLOCK)


def test_a_member_reads_what_it_has_appended_and_asks_for_all_else(both: Both) -> None:
    """Also for what it has appended itself, once the pack is full."""
    stored = both.member.writer.append(packed(LARGE), 1)

    def read() -> tuple[bytes, list[str]]:
        both.sent.clear()
        assert both.member.has(stored)
        with both.far.reading(NAME, stored.start, stored.end) as file:
            return os.pread(file.fileno(), len(LARGE), stored.offset), [*both.sent]

    assert read() == (LARGE, [])
    with both.far.reading(NAME, 0, 100) as file:
        assert os.pread(file.fileno(), 100, 0) == bytes(100)
    assert both.sent == ["PackBytesWanted"]
    both.member.writer.append(packed(b"last"), 2)
    assert not list((both.member.directory.path / ".pyfetch" / "packs").iterdir())
    content, asked = read()
    assert content == LARGE
    assert asked == ["PackBytesWanted"] * (1 + len(LARGE) // BLOCK)


def test_a_pack_that_is_not_open_anywhere_is_no_open_pack(both: Both) -> None:
    assert both.far.size("000007.tar") is None
    with pytest.raises(FileNotFoundError):
        both.far.reading("000007.tar", 0, 5)


def test_a_member_sends_no_more_than_the_coordinator_can_write(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what waits to be written would fill the memory of both."""
    unwritten = threading.Semaphore(0)
    monkeypatch.setattr(both.far, "_send", lambda _: unwritten.release())
    thread = threading.Thread(target=both.member.writer.append, args=(packed(LARGE), 1))
    thread.start()
    for _ in range(WINDOW // BLOCK):
        assert unwritten.acquire(timeout=30)
    assert not unwritten.acquire(timeout=0.02)
    for _ in range(len(LARGE) // BLOCK):
        both.far.hear(PackBytesWritten(BLOCK))
    thread.join(30)
    assert not thread.is_alive()


def test_what_a_member_appends_is_on_disk_before_it_is_reported_if_that_is_wanted(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `--fsync`: there, not only in the member's own file."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    both.member.writer.append(packed(b"one"), 1)
    assert synced == []
    both.coordinator.syncs = True
    both.member.writer.append(packed(b"two"), 2)
    assert synced == [both.opened.stat().st_ino]


def test_a_coordinator_whose_disk_is_full_stops_the_run(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    both.take()
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoppedError, match="No space left"):
        both.here.write(PackBytes(NAME, 100, b"x"))
