"""Packs of a bucket on a cluster: a member appends here, and the open pack is with the coordinator.

What a member appends is sent there before its target is reported. So an open pack loses nothing
with a member, and the coordinator, which has the state and the lease, seals it as it does all.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import tempfile
import threading
from collections.abc import Callable
from typing import BinaryIO

from pyfetch.cluster.pack_messages import (
    PackBytes,
    PackBytesRead,
    PackBytesWanted,
    PackBytesWritten,
)
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import NEW_FILE, errors_of
from pyfetch.storage.packs.pack_files import OpenPacks
from pyfetch.storage.packs.pack_store import PackStore

BLOCK = 1024 * 1024
"""Bytes of one message, at most."""
WINDOW = 4 * BLOCK
"""Bytes that a member may have sent without hearing that they were written."""
_NEW_FILE_TO_READ = (NEW_FILE & ~os.O_WRONLY) | os.O_RDWR
"""A file here is also read: what is sent of it."""


class FarPacks(OpenPacks):
    """The open packs as a member sees them. For any thread.

    It has a file with the bytes that it has appended to a pack itself, at the places where they
    are in the pack, until that is full. All else it asks for.
    """

    def __init__(
        self, directory: OutputDirectory, send: Callable[[PackBytes | PackBytesWanted], None]
    ) -> None:
        super().__init__(directory)
        self._send = send
        self._begins: dict[str, int] = {}
        """By name of a pack that has a file here, where its bytes begin."""
        self._window = threading.Condition()
        self._unwritten = 0
        self._numbers = itertools.count()
        self._answers: dict[int, queue.SimpleQueue[PackBytesRead]] = {}

    def size(self, name: str) -> int | None:
        size = super().size(name) if name in self._begins else None
        return self._asked(name, 0, 0).size if size is None else size

    def writing(self, name: str) -> int:
        return os.open(name, _NEW_FILE_TO_READ, 0o666, dir_fd=self.descriptor)

    def reading(self, name: str, start: int = 0, end: int = 0) -> BinaryIO:
        begins = self._begins.get(name)
        if begins is not None and begins <= start:
            with contextlib.suppress(FileNotFoundError):  # it has just become full
                return super().reading(name)
        # In a file with a hole before, it is where it is in the pack.
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
        try:
            for at in range(start, end, BLOCK):
                answer = self._asked(name, at, min(at + BLOCK, end))
                if answer.size is None:
                    raise FileNotFoundError(name)
                os.pwrite(file.fileno(), answer.data, at)
        except BaseException:
            file.close()
            raise
        return file

    def written(self, name: str, descriptor: int, start: int, end: int) -> None:
        """Send what was appended to a file here. Waits while too much is not written there."""
        self._begins.setdefault(name, start)
        for at in range(start, end, BLOCK):
            data = os.pread(descriptor, min(BLOCK, end - at), at)
            with self._window:
                self._window.wait_for(lambda: self._unwritten < WINDOW)
                self._unwritten += len(data)
            self._send(PackBytes(name, at, data))

    def forget(self, name: str) -> None:
        """Remove the file of a pack that gets no more members."""
        self._begins.pop(name, None)
        self.remove(name)

    def hear(self, message: PackBytesWritten | PackBytesRead) -> None:
        """Take in what the coordinator says."""
        if isinstance(message, PackBytesRead):
            self._answers[message.number].put(message)
            return
        with self._window:
            self._unwritten -= message.number
            self._window.notify_all()

    def _asked(self, name: str, start: int, end: int) -> PackBytesRead:
        number = next(self._numbers)
        answer = self._answers[number] = queue.SimpleQueue()
        self._send(PackBytesWanted(number, name, start, end))
        try:
            return answer.get()
        finally:
            del self._answers[number]


class PacksHere:
    """The same packs in the coordinator, which writes to them and reads them for members.

    Methods raise a `RunError`.
    """

    def __init__(self, store: PackStore) -> None:
        self._store = store
        self._descriptors: dict[str, int] = {}

    def write(self, appended: PackBytes) -> None:
        """Write what a member has appended."""
        store = self._store
        with errors_of(store.final(appended.name), store.directory.check):
            store.parts.free_space.need(len(appended.data))
            descriptor = self._descriptors.get(appended.name)
            if descriptor is None:
                descriptor = self._descriptors[appended.name] = store.open_packs.writing(
                    appended.name
                )
            written = 0
            while written < len(appended.data):
                rest = memoryview(appended.data)[written:]
                written += os.pwrite(descriptor, rest, appended.at + written)
            if store.syncs:
                os.fsync(descriptor)

    def read(self, wanted: PackBytesWanted) -> PackBytesRead:
        """Read what a member wants of an open pack."""
        files = self._store.open_packs
        with errors_of(self._store.final(wanted.name), self._store.directory.check):
            try:
                with files.reading(wanted.name) as file:
                    size = os.fstat(file.fileno()).st_size
                    data = os.pread(file.fileno(), wanted.end - wanted.start, wanted.start)
            except FileNotFoundError:
                return PackBytesRead(wanted.number, None, b"")
        return PackBytesRead(wanted.number, size, data)

    def close(self, name: str) -> None:
        """A pack gets no more bytes of members."""
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)
