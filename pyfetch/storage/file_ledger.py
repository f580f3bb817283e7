"""The ledger of a run that keeps files: it names targets, and writes to the state how they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pyfetch.attempt import Finished
from pyfetch.facts import Known
from pyfetch.models import IfExists, Target
from pyfetch.naming.template import Said
from pyfetch.settings import Settings
from pyfetch.storage.destination import store_of
from pyfetch.storage.paths import PathAllocator
from pyfetch.storage.state import State

if TYPE_CHECKING:
    from pyfetch.storage.computed_table import ComputedOf, ComputedRow, ComputedTable
    from pyfetch.storage.packs.packs import PackedFile, Packs
    from pyfetch.storage.store import Store

COMMIT_EVERY = 0.05
"""A change of the state is written after this time at the latest, in seconds."""
_FETCHES_AGAIN = frozenset({IfExists.REFRESH, IfExists.REPLACE})


class FileLedger:
    """The ledger of a run that keeps files. For any thread.

    `lasting`: whether the state outlives the run. `store`: where files are saved; None: as the
    settings say. `check_directory` is called at each commit; it
    raises if the output directory is no longer the one that the run began with. `task_of`: in a
    run that computes, the identity of the task for a target's file; `keeps`: whether that file is
    to stay after it. `packs`: those that files are members of, if they are.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        *,
        lasting: bool,
        store: Store | None = None,
        clock: Callable[[], float] = time.monotonic,
        check_directory: Callable[[], None] = lambda: None,
        task_of: Callable[[Target], str] | None = None,
        keeps: bool = True,
        packs: Packs | None = None,
    ) -> None:
        self._packs = packs
        self._policy = settings.if_exists
        self._check_directory = check_directory
        store = store or store_of(settings)
        self._before = store.final("")
        self._names = PathAllocator(settings, state, store, lasting=lasting)
        self._state = state
        self._clock = clock
        self._lock = self.alone = threading.RLock()
        self._open: dict[str, int] = {}
        """By path, how many targets have it and are not finished."""
        self._given: dict[int, str] = {}
        """By index, the paths of targets whose servers have given them a name."""
        self._noted: set[str] = set()
        """Open paths whose state has changed since the targets were named."""
        self._claimed: set[str] = set()
        """Paths whose claims have to be committed before their files appear: none of members, which
        the state has together with their names, or not at all."""
        self._due: float | None = None
        self._task_of = task_of
        self._keeps = keeps
        self._computed: ComputedTable | None = state.computed() if task_of else None

    def expect(self, targets: Sequence[Target]) -> None:
        with self._lock:
            self._names.expect(targets)

    def named(self, target: Target) -> Target:
        with self._lock:
            path, known = self._names.of(target, in_use=self._in_use)
            if self._state.uncommitted:
                if not self._packs:
                    self._claimed.add(path)
                self._due = self._due or self._clock() + COMMIT_EVERY
            self._open[path] = self._open.get(path, 0) + 1
            return self._placed(target, path, known)

    @property
    def follows_answers(self) -> bool:
        """Whether `rename` is to be called with what each answer says."""
        return self._names.follows_answers

    def rename(self, target: Target, said: Said, *, beside: bool = False) -> Target:
        with self._lock:
            self._given.pop(target.index, None)
            if said.name is None and self._names.wanted(target, said) == target.path:
                return target  # its own path had the right extension already
            choose = self._names.free if beside else self._names.of
            path, known = choose(target, said, lambda path: self._in_use(path, target))
            self._given[target.index] = path
            if path != target.path and not self._packs:
                self.commit()  # before the file appears, the state on disk must say whose it is
            return self._placed(target, path, known)

    def starting(self, target: Target) -> Target:
        if target.path is None:
            return target
        with self._lock:
            if target.path in self._claimed:
                # Before the file appears, the state on disk must say whose it is.
                self.commit()
            came_earlier = target.path in self._noted  # the same URL in this list
            if came_earlier or (target.known.facts and self._packs and self._packs.in_order):
                known = self._names.claim(target.path, target) or Known()
                return self._placed(target, target.path, known)
        return target

    def finished(self, target: Target, attempt: Finished) -> None:
        if target.path is None:
            return
        with self._lock:
            path = target.path
            self._open[path] -= 1
            if not self._open[path]:
                del self._open[path]
                self._noted.discard(path)
            if self._given:
                self._given.pop(target.index, None)
            self._note(target, target.path, attempt)
            if self._packs and attempt.result.failed:
                self._record(self._packs.failed(attempt.result))
            if attempt.result.backup_file:
                self._state.add_backup(attempt.result.backup_file.removeprefix(self._before))

    def reopened(self, target: Target) -> Target:
        """A target that was `finished` and has to be fetched or computed again after all."""
        path = target.path
        assert path is not None  # noqa: S101 - `named` has given it one
        with self._lock:
            self._open[path] = self._open.get(path, 0) + 1
            known = self._names.claim(path, target) or Known()
            return target.at(path, self._complete(target, path, known))

    def task_of(self, target: Target) -> str:
        """Identity of the task that this run has for a target's file."""
        assert self._task_of  # noqa: S101 - asked only in a run that computes
        return self._task_of(target)

    def computed_of(self, paths: Sequence[str]) -> list[ComputedOf]:
        """What is known of each of these files, and of the task that was run for it."""
        assert self._computed  # noqa: S101 - asked only in a run that computes
        with self._lock:
            return self._computed.of(paths)

    def note_computed(self, rows: Sequence[tuple[str, ComputedRow]], *, at_once: bool) -> None:
        """Note by paths what tasks have done. `at_once`: commit it before this returns."""
        assert self._computed  # noqa: S101 - asked only in a run that computes
        with self._lock:
            self._computed.put(rows)
            for path, _ in rows:
                if path in self._open:  # by another target that has the same URL
                    self._noted.add(path)
            if at_once:
                self.commit()
            else:
                self._due = self._due or self._clock() + COMMIT_EVERY

    def value_of(self, row: ComputedRow) -> Any:
        """The value of a task, from its JSON."""
        assert self._computed  # noqa: S101 - asked only in a run that computes
        return self._computed.value_of(row)

    def _placed(self, target: Target, path: str, known: Known) -> Target:
        """The target with its path and all that is known. What this run has packed may stay."""
        known = self._complete(target, path, known)
        stays = known.facts and self._packs and self._packs.is_to_stay(known.facts)
        if stays and (target.if_exists or self._policy) in _FETCHES_AGAIN:
            target = target._replace(if_exists=IfExists.SKIP)
        return target.at(path, known)

    def _complete(self, target: Target, path: str, known: Known) -> Known:
        """Add what the state does not have yet, and what a task has left."""
        if self._packs:
            deferred = self._packs.deferred_facts(path)
            known = known._replace(facts=deferred) if deferred else known
        if self._computed and known.facts:
            left = self._computed.left(path, self.task_of(target), keeps=self._keeps)
            known = known._replace(left=left) if left else known
        return known

    def _note(self, target: Target, planned: str, attempt: Finished) -> None:
        path = attempt.path or planned
        if attempt.facts:
            if self._packs:
                status, facts = attempt.result.status, attempt.facts
                self._record(self._packs.noted(target.index, path, status, facts))
            else:
                self._state.record(path, attempt.result.status, attempt.facts)
            if path != planned:
                home, _ = self._names.home(target)  # the next run looks at this path first
                self._state.went_to(home, path)
            if planned in self._open:
                self._noted.add(planned)
        elif attempt.result.failed and target.known.facts is None:
            for name in {path, planned}:
                self._state.ended_without_a_file(name)
        else:
            return
        self._due = self._due or self._clock() + COMMIT_EVERY

    def _record(self, files: Iterable[PackedFile]) -> None:
        for file in files:
            self._state.record(*file)

    def commit_due(self) -> float | None:
        return self._due

    def commit(self) -> None:
        with self._lock:
            self._state.commit()
            self._claimed.clear()
            self._due = None
            self._check_directory()
            if self._packs:
                self._packs.committed()

    def commit_all(self) -> None:
        """As `commit`, at the end of the run: nothing that is noted waits for anything else."""
        with self._lock:
            if self._packs:
                self._record(self._packs.deferred())
            self.commit()

    def _in_use(self, path: str, of: Target | None = None) -> bool:
        by_itself = of is not None and of.path == path
        return self._open.get(path, 0) > by_itself or path in self._given.values()
