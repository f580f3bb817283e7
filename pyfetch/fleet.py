"""Drives processes as the engine drives threads: entries in, results out as they finish.

Each process has an engine of its own. Names, state and order stay here; what a process that
is killed has left undone is given to another one.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace

from pyfetch.division import divided
from pyfetch.engine import GRACE
from pyfetch.errors import RunError, StoppedError
from pyfetch.events import InputEnded, Stop, start_reader
from pyfetch.fetch import Attempt
from pyfetch.ledger import Ledger, NoLedger
from pyfetch.messages import Begin, Ended, Finished, Flying, FromProcess, Hungry, Said, StopNow
from pyfetch.model import Entry, Failure, Outcome, Result, Target
from pyfetch.settings import Settings
from pyfetch.shards import Share
from pyfetch.spawned import Gone, Spawned
from pyfetch.transfer import Transfer
from pyfetch.window import Window

_LOOK_EVERY = 5.0
"""Seconds between two looks at which processes are silent."""
_SILENT_LOOKS = 6
"""A process that has said nothing for so many of them hangs, or was stopped."""
_REMEMBERED = 256
_LAST_WORD = 5.0
"""Seconds that processes get to end when all is done."""
MOST_DEATHS = 3
"""Processes that may end under a target before it is given up."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """Something that a process has said, or that it is gone."""

    member: _Member
    said: list[FromProcess] | Gone


@dataclass(slots=True)
class _Member:
    """A process of the fleet."""

    process: Spawned
    place: int
    """Which of the divided settings it has."""
    share: Share
    targets: dict[int, Target]
    """By index, those that it has and that are not done."""
    flying: list[Transfer]
    ended: bool = False
    """Whether it has said that it is done."""
    spoke: bool = False
    """Whether it has said anything."""
    silent: int = 0
    """How often it was looked at since it has said anything."""


class Fleet:
    """One run. `run` may be iterated once; `stop` may be called from any thread or signal."""

    def __init__(self, settings: Settings, *, window: Window, watched: bool = False) -> None:
        self._divided = divided(settings)
        self._fail_fast = settings.fail_fast
        self._watched = watched
        self._window = window
        self._ledger: Ledger = NoLedger()
        self._events: queue.SimpleQueue[Entry | InputEnded | Stop | _Told] = queue.SimpleQueue()
        self._members: list[_Member] = []
        self._free = list(range(len(self._divided)))
        """Which of the divided settings no process has."""
        self._waiting: deque[Target] = deque()
        self._behind: dict[str, deque[Target]] = {}
        """By path, those that wait for the one before them to be done."""
        self._deaths: Counter[int] = Counter()
        self._stillborn = 0
        """Processes in a row that have ended without a word."""
        self._input_ended: InputEnded | None = None
        self._error: RunError | None = None
        self._warned: set[str] = set()
        self._summaries: list[str] = []
        self._looks_at = time.monotonic() + _LOOK_EVERY
        self.holding: tuple[int, ...] = ()
        """Descriptors that each process is to have as long as it lives."""
        self.read = 0
        """Entries that were read so far."""
        self.stopped = False

    @property
    def input_ended(self) -> bool:
        """Whether `read` is final."""
        return self._input_ended is not None

    @property
    def in_flight(self) -> list[Transfer]:
        """What was running a moment ago; a snapshot for any thread."""
        return [
            transfer
            for member in list(self._members)
            for transfer in member.flying
            if transfer.target.index in member.targets
        ]

    @property
    def workers_summary(self) -> str | None:
        """How many workers were settled on in each process, and why."""
        return "; ".join(self._summaries) or None

    def stop(self) -> None:
        """Start nothing more, end what is in flight; `run` gives what there is and ends."""
        self.stopped = True
        self._events.put(Stop())

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call this; once `run` has ended, no process is left."""
        call()

    def run(
        self, entries: Iterable[Entry], ledger: Ledger | None = None
    ) -> Generator[Result, None, None]:
        """Results of all entries, as they finish.

        Raises a `RunError` that a process or the ledger met, and whatever `entries`
        raises, after the results that there are.
        """
        self._ledger = ledger or self._ledger
        start_reader(entries, self._window, self._events.put)
        try:
            try:
                yield from self._drive()
                self._ledger.commit()
            except RunError as error:
                self._error = self._error or error
                self.stopped = True
            yield from self._end()
        finally:
            self._window.close()
            for member in self._members:
                member.process.kill()
                member.process.wait()
            with contextlib.suppress(RunError):
                self._ledger.commit()
        if self._error:
            raise self._error
        if self._input_ended and self._input_ended.error:
            raise self._input_ended.error

    def _drive(self) -> Iterator[Result]:
        while not self.stopped:
            self._do_what_is_due()
            self._hand_out()
            if self._done():
                return
            event = self._next_event()
            if event is not None:
                yield from self._handle(event)

    def _done(self) -> bool:
        nothing_left = not (self._waiting or any(member.targets for member in self._members))
        return self.input_ended and nothing_left

    def _next_event(self) -> Entry | InputEnded | Stop | _Told | None:
        due = min(self._looks_at, self._ledger.commit_due() or math.inf)
        try:
            return self._events.get(timeout=max(0, due - time.monotonic()))
        except queue.Empty:
            return None

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        commit = self._ledger.commit_due()
        if commit is not None and commit <= now:
            self._ledger.commit()
        if self._looks_at <= now:
            self._look_for_the_silent()

    def _look_for_the_silent(self) -> None:
        """End a process that says nothing any more: what it had goes to another one."""
        # Counted, not timed: where all of us were stopped, nobody was silent.
        self._looks_at = time.monotonic() + _LOOK_EVERY
        for member in self._members:
            member.silent += 1
            if member.silent > _SILENT_LOOKS:
                member.process.kill()

    def _handle(self, event: Entry | InputEnded | Stop | _Told) -> Iterator[Result]:
        match event:
            case Target():
                self.read += 1
                self._wait_for_path(self._ledger.named(event))
            case Result():
                self.read += 1
                yield self._final(event)
            case InputEnded():
                self._input_ended = event
            case _Told(member, Gone() as gone):
                yield from self._take_back(member, gone)
            case _Told(member, list() as said):
                member.spoke, member.silent, self._stillborn = True, 0, 0
                for message in said:
                    yield from self._hear(member, message)

    def _wait_for_path(self, target: Target) -> None:
        """Let it be handed out, once no other target of its path is under way."""
        if target.path is not None:
            behind = self._behind.get(target.path)
            if behind is not None:
                behind.append(target)
                return
            self._behind[target.path] = deque()
        self._waiting.append(target)

    def _hear(self, member: _Member, message: FromProcess) -> Iterator[Result]:
        match message:
            case Finished():
                target = member.targets.pop(message.result.index)
                member.share.finished(1, time.monotonic())
                yield self._finished(target, message)
            case Flying():
                member.flying = [
                    self._seen(member.targets[seen.index], seen.received, seen.resumed, seen.size)
                    for seen in message.transfers
                    if seen.index in member.targets
                ]
            case Hungry():
                member.share.hungry()
                if not self._waiting and not self.input_ended:
                    self._window.widen()
            case Said():
                self._log_once(message)
            case Ended():
                member.ended = True
                if message.workers:
                    self._summaries.append(message.workers)
                if message.error:
                    raise message.error

    def _log_once(self, said: Said) -> None:
        """What all processes warn of at their start is said once."""
        if said.level >= logging.WARNING:
            if said.text in self._warned:
                return
            if len(self._warned) < _REMEMBERED:
                self._warned.add(said.text)
        _log.log(said.level, "%s", said.text)

    def _finished(self, target: Target, message: Finished) -> Result:
        attempt = Attempt(message.result, facts=message.facts, path=message.path)
        self._ledger.finished(target, attempt)
        self._deaths.pop(target.index, None)
        if target.path is not None:
            behind = self._behind[target.path]
            if behind:
                self._waiting.append(behind.popleft())
            else:
                del self._behind[target.path]
        return self._final(message.result)

    def _final(self, result: Result) -> Result:
        if self._fail_fast and result.failed:
            self.stopped = True
        return result

    def _seen(self, target: Target, received: int, resumed: int, size: int | None) -> Transfer:
        transfer = Transfer(target, 1, 0.0)
        transfer.received, transfer.resumed, transfer.size = received, resumed, size
        return transfer

    def _hand_out(self) -> None:
        """Give each process what it has room for, the one with the least to do first.

        Another one is made when all workers of those that there are have something to do.
        """
        while self._waiting:
            idle = [member for member in self._members if member.share.load < 1]
            if not idle and self._free:
                idle = [self._made()]
            with_room = [member for member in idle or self._members if member.share.room()]
            if not with_room:
                return
            member = min(with_room, key=lambda member: member.share.load)
            number = self._shard_for(member.share)
            if not number:
                return
            shard = [self._ledger.starting(self._waiting.popleft()) for _ in range(number)]
            member.targets.update((target.index, target) for target in shard)
            member.share.given(len(shard))
            member.process.send(shard)

    def _shard_for(self, share: Share) -> int:
        """How many of those that wait it gets: ahead of its workers, none that others can begin."""
        waiting = len(self._waiting)
        workers = sum(settings.most_workers for settings in self._divided)
        spare = waiting if share.is_hungry else max(0, waiting - workers)
        ahead = math.ceil(spare / len(self._divided))
        return min(waiting, share.room(), max(share.idle, ahead))

    def _made(self) -> _Member:
        place = self._free.pop(0)
        settings = self._divided[place]
        process = Spawned(self.holding)
        share = Share(settings.most_workers, time.monotonic())
        member = _Member(process, place, share, {}, [])
        self._members.append(member)
        process.send(Begin(settings, _log.getEffectiveLevel(), self._watched))
        process.listen(lambda said: self._events.put(_Told(member, said)))
        return member

    def _take_back(self, member: _Member, gone: Gone) -> Iterator[Result]:
        """What a process that is gone has left undone is for another one."""
        self._members.remove(member)
        self._free.append(member.place)
        if member.ended or self.stopped:
            return
        left = sorted(member.targets.values(), key=lambda target: target.index)
        if left:
            _log.warning("a process ended (%s): %d URLs go to another one", gone.how, len(left))
        self._stillborn += not member.spoke
        if self._stillborn == MOST_DEATHS:
            raise StoppedError(f"{MOST_DEATHS} processes ended as soon as they began: {gone.how}")
        again = []
        for target in left:
            self._deaths[target.index] += 1
            if self._deaths[target.index] < MOST_DEATHS:
                again.append(replace(target, known=replace(target.known, begun=True)))
                continue
            detail = f"{MOST_DEATHS} processes ended while they had it: {gone.how}"
            failed = _failed(target, Failure.INTERNAL, detail)
            yield self._finished(target, Finished(failed, None, None))
        self._waiting.extendleft(reversed(again))

    def _end(self) -> Iterator[Result]:
        """Let the processes go, or, where the run was stopped, give them a moment to end."""
        for member in self._members:
            member.process.send(StopNow() if self.stopped else None)
        until = time.monotonic() + (2 * GRACE if self.stopped else _LAST_WORD)
        while self._members and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=left)
                if isinstance(event, _Told):
                    with contextlib.suppress(RunError):  # it has been told of
                        yield from self._handle(event)
        for member in self._members:
            for target in member.targets.values():
                yield _failed(target, Failure.CANCELLED, "the run was stopped")


def _failed(target: Target, failure: Failure, detail: str) -> Result:
    return Result(
        target.index, target.url, Outcome.FAILED, error=failure, detail=detail, input=target.input
    )
