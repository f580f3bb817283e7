"""The packs of a run: gives them to writers, and seals those that are full.

This is in the process that has the state. A pack is sealed once the state knows all its members.
The state knows of each open pack the members up to a certain place, and none behind it: there,
the next run cuts it, if this one is killed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from pyfetch.facts import FileFacts
from pyfetch.models import Result
from pyfetch.storage.packs.left_packs import left_packs
from pyfetch.storage.packs.pack_failures import PackFailures
from pyfetch.storage.packs.pack_format import StoredMember
from pyfetch.storage.packs.pack_in_work import PackInWork
from pyfetch.storage.packs.pack_list import opened_list, write_list
from pyfetch.storage.packs.pack_numbers import PackNumbers
from pyfetch.storage.packs.pack_sorting import PackLedger, sorted_pack
from pyfetch.storage.packs.pack_source import GivenPack
from pyfetch.storage.packs.pack_store import PackStore
from pyfetch.storage.packs.pack_writer import PackWriter
from pyfetch.storage.packs.packing_order import PackingOrder
from pyfetch.storage.packs.sealing import FullPack, Sealer, errors_of_packs
from pyfetch.storage.state import State


class PackedFile(NamedTuple):
    """What is to be recorded of a file that is a member now."""

    path: str
    status: int | None
    facts: FileFacts


class Packs:
    """The packs of a run, as a `PackSource`. For any thread.

    All open packs that an earlier run has left are cut back to what `state` knows.
    """

    def __init__(
        self, store: PackStore, state: State, *, in_order: bool, list_file: str | None
    ) -> None:
        """`in_order`: whether each pack has the order of the list in the end.

        `list_file`: where to list all members in the end. Raises a `RunError`.
        """
        self.in_order = in_order
        """Whether members go from one pack into another, as the order of the list wants it."""
        self._ledger: PackLedger | None = None
        self._list_file = list_file
        self._rows = state.packed()
        self.store = self._store = store
        self._format = store.format
        self._files = store.open_packs
        self._lock = threading.Lock()
        with self._errors():
            left = left_packs(store, self._rows)
        state.commit()
        self._left = [given for given in left if not store.is_full(given)]
        self._packs: dict[str, PackInWork] = {}
        self._begun_at: dict[str, int] = {}
        """By name of each pack that this run has filled, where the first member of this run is."""
        self._recordable: list[PackedFile] = []
        self._order = PackingOrder(self._take_note)
        self._held_behind: dict[str | None, int] = {}
        """By member, as the state has it in `stored`, the target behind which it is held back."""
        self._held_facts: dict[str, FileFacts] = {}
        """By path, what was noted last of a file that is held back."""
        self._full: list[FullPack] = [
            FullPack(given.name, given.length, given.members)
            for given in left
            if store.is_full(given)
        ]
        """Packs whose members are all noted."""
        self._numbers = PackNumbers(store)
        self._failures = PackFailures()
        self._sealer = Sealer(store, self._failures)
        self._pool: ThreadPoolExecutor | None = None
        self._sealing: list[Future[None]] = []

    def take(self) -> GivenPack:
        with self._lock, self._errors():
            given = self._left.pop(0) if self._left else GivenPack(self._numbers.claimed(), 0, 0)
            self._packs[given.name] = PackInWork(given)
            self._begun_at.setdefault(given.name, given.length)
            return given

    def full(self, name: str, length: int, members: int) -> None:
        with self._lock:
            pack = self._packs[name]
            pack.length, pack.appended = length, members

    def left(self, name: str, length: int) -> None:
        with self._lock:
            self._packs[name].length = length

    def abandoned(self, name: str) -> None:
        """Take back a pack whose writer was killed: another one goes on behind its noted members.

        Does nothing if it is full, and all its members are noted.
        """
        with self._lock, self._errors():
            pack = self._packs.get(name)
            if pack is None or pack.noted == pack.appended:
                return
            del self._packs[name]
            self._left.append(self._store.cut(name, pack.known_end, pack.members))

    def noted(
        self, target_index: int, path: str, status: int | None, facts: FileFacts
    ) -> list[PackedFile]:
        """Take note of a file that was fetched. Returns what may be recorded in the state now."""
        file = PackedFile(path, status, facts)
        with self._lock:
            behind = self._held_behind.get(facts.stored) if self._held_behind else None
            if behind is not None:  # the same URL came again
                self._order.hold(behind, file)
                self._held_facts[path] = facts
                self._order.report(target_index, None)
            elif self._order.report(target_index, file):
                self._held_behind[facts.stored] = target_index
                self._held_facts[path] = facts
            return self._now_recorded()

    def deferred_facts(self, path: str) -> FileFacts | None:
        """What is noted of a file, and may not be recorded yet."""
        with self._lock:
            return self._held_facts.get(path)

    def is_to_stay(self, facts: FileFacts) -> bool:
        """Whether this run has packed what is known of a URL, and no other version is wanted.

        So it is if a list has the URL twice and no pack may have its key twice: each version would
        need a pack of its own.
        """
        if self._format.repeats_keys:
            return False
        member = StoredMember.of(facts.stored)
        if member is None:
            return False
        with self._lock:
            begun_at = self._begun_at.get(member.pack)
        return begun_at is not None and member.start >= begun_at

    def failed(self, result: Result) -> list[PackedFile]:
        """Take note of a failure. Returns what may be recorded in the state now."""
        self._failures.add(result)
        with self._lock:
            self._order.report(result.index, None)
            return self._now_recorded()

    def _now_recorded(self) -> list[PackedFile]:
        recorded, self._recordable = self._recordable, []
        return recorded

    def _take_note(self, file: PackedFile | None) -> None:
        if file is None:
            return
        self._recordable.append(file)
        if self._held_facts:
            self._held_behind.pop(file.facts.stored, None)
            if self._held_facts.get(file.path) is file.facts:
                del self._held_facts[file.path]
        name, _, rest = (file.facts.stored or "").partition("\t")
        pack = self._packs.get(name)
        if pack:  # else it is noted again, and a sealed pack has it
            start, end, _ = rest.split("\t", 2)
            pack.note(int(start), int(end))

    def committed(self) -> None:
        """The state on disk has all that was recorded: full packs are sealed, in a thread.

        Raises a `RunError` if one of those before could not be sealed.
        """
        with self._lock:
            for name, pack in [*self._packs.items()]:
                if pack.noted == pack.appended:
                    del self._packs[name]
                    self._full.append(FullPack(name, pack.length, pack.members))
            for full in self._full:
                self._pool = self._pool or ThreadPoolExecutor(1, "seal")
                self._sealing.append(self._pool.submit(self._seal, full))
            self._full.clear()
            sealing = self._sealing
            # One that has failed stays, so that it is told in the end, whoever has heard of it.
            self._sealing = [one for one in sealing if not one.done() or one.exception()]
        for future in sealing:
            if future.done():
                future.result()

    def deferred(self) -> list[PackedFile]:
        """What is not recorded yet, as something that was packed before was never noted."""
        with self._lock:
            self._order.close()
            return self._now_recorded()

    @contextmanager
    def filled(self, ledger: PackLedger, stopped: Callable[[], bool]) -> Iterator[None]:
        """Let the run fill them within; seal them at its end, unless it was `stopped`.

        Raises a `RunError`.
        """
        self._ledger = ledger
        self.give_to(self._store.writer)
        seals = False
        with opened_list(self._list_file) as members:
            try:
                yield
                seals = not stopped()
            finally:
                try:
                    with self._errors():
                        self._store.writer.close()
                    # The next run cuts packs of a stopped one behind what is recorded without gaps.
                    ledger.commit_all() if seals else ledger.commit()
                except BaseException:
                    seals = False
                    raise
                finally:
                    self.finish(seals=seals)
            if seals and members and self._list_file:
                there = (row for row in self._rows.listed() if self._store.has_body(row.member))
                write_list(members, self._list_file, there)

    def give_to(self, writer: PackWriter) -> None:
        """Let the writer of this process fill packs."""
        writer.source, writer.appended = self, self._order.packed

    def close(self) -> None:
        """Let go of what is open."""
        self._failures.close()
        self._store.close()

    def finish(self, *, seals: bool) -> None:
        """End: wait for packs that are being sealed. `seals`: seal all the others, too.

        Nothing is appended any more, and the state on disk has all. Raises a `RunError`.
        """
        if self._pool:
            self._pool.shutdown()
        for future in self._sealing:
            future.result()
        if not seals:
            return
        left = [FullPack(given.name, given.length, given.members) for given in self._left]
        self._left.clear()
        left += self._full
        left += [FullPack(name, one.length, one.members) for name, one in self._packs.items()]
        for full in sorted(left):
            if full.length:  # it may have no member, but answers that brought none
                self._seal(full)
            else:
                self._left.append(GivenPack(full.name, 0, 0))
        for empty in self._left:
            with self._errors():
                self._files.remove(empty.name)
        self._sealer.finish()

    def _seal(self, full: FullPack) -> None:
        with errors_of_packs(self._store.final(full.name)):
            if self.in_order and self._ledger:
                name = sorted_pack(self._store, self._rows, self._numbers, self._ledger, full.name)
                if name != full.name:
                    emptied = self._store.cut(full.name, 0, 0)
                    with self._lock:
                        if not self._begun_at.pop(full.name, 1):  # it had members of this run alone
                            self._begun_at[name] = 0
                        self._left.append(emptied)
                    length = self._files.size(name)
                    assert length is not None  # noqa: S101 - it was just made
                    full = full._replace(name=name, length=length)
            self._sealer.seal(full)

    def _errors(self) -> errors_of_packs:
        return errors_of_packs(self._store.final(""), self._store.directory.check)
