"""The real coordinator, driven in virtual time by one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from pyfetch.cluster.coordinator import Coordinator, Item
from pyfetch.cluster.executor import Executor
from pyfetch.cluster.member import MemberReport
from pyfetch.engine.mailbox import AT_ONCE, TOGETHER, Mailbox
from pyfetch.engine.read_ahead import InputEnded, ReadAhead
from pyfetch.engine.results import ResultQueue
from pyfetch.models import Entry, Result
from pyfetch.settings import Settings
from pyfetch.storage.ledger import NoLedger
from tools.simulation.cluster.timeline import Timeline

LONGEST = 1e6
"""Virtual seconds after which a run has failed."""


class VirtualReadAhead(ReadAhead):
    """Says whether an entry may be read, in place of waiting until it may."""

    def may_read(self) -> bool:
        """Whether `acquire` would return at once."""
        return bool(self._granted) or self._read < self._width


class Input:
    """Puts entries into the mailbox, as far ahead as may be."""

    def __init__(self, entries: Iterable[Entry], read_ahead: VirtualReadAhead) -> None:
        self._entries: Iterator[Entry] | None = iter(entries)
        self._read_ahead = read_ahead

    def read(self, put: Callable[[Item], None]) -> None:
        """Read what may be read now."""
        while self._entries and self._read_ahead.may_read() and self._read_ahead.acquire():
            entry = next(self._entries, None)
            if entry is None:
                self._entries = None
                put(InputEnded())
                return
            self._read_ahead.add(entry)
            put(entry)


class VirtualMailbox(Mailbox[Item]):
    """While the coordinator waits, virtual time goes on.

    `cost`: seconds of its own time that the coordinator needs for each message that it takes.
    """

    def __init__(self, timeline: Timeline, cost: float) -> None:
        super().__init__()
        self._time = timeline
        self._cost = cost
        self._took = 0
        """Messages that were taken last time."""
        self._since = time.thread_time()
        self.cpu = 0.0
        """Seconds of CPU that the coordinator has used between two calls of `take`."""
        self.input: Input | None = None

    def take(self, seconds: float | None) -> list[Item]:
        assert seconds is not None
        self.cpu += time.thread_time() - self._since
        timeline = self._time
        timeline.run_until(timeline.now + self._took * self._cost)
        if self.input:
            self.input.read(self.put)
        until = timeline.now + seconds
        if self._took > 1 and not len(self):  # many come: they are taken together
            timeline.run_until(min(until, timeline.now + TOGETHER))
        while not len(self) and timeline.next_at() <= until:
            timeline.step()
        if not len(self):
            timeline.run_until(until)
        assert timeline.now < LONGEST, "the run does not end"
        taken = [self._items.popleft() for _ in range(min(len(self), AT_ONCE))]
        self._took = sum(map(_size, taken))
        self._since = time.thread_time()
        return taken


def _size(item: Item) -> int:
    if isinstance(item, MemberReport) and isinstance(item.messages, list):
        return len(item.messages)
    return 1


class VirtualResults(ResultQueue):
    """Hands each result over at once, and those before which none is missing as shown."""

    def __init__(self, took: Callable[[Result], None], shown: Callable[[Result], None]) -> None:
        super().__init__(lambda: None)
        self._took = took
        self._shown = shown
        self._held: dict[int, Result] = {}
        self._next = 1
        self.most_held = 0
        self.error: BaseException | None = None

    def put(self, result: Result) -> None:
        self._took(result)
        self._held[result.index] = result
        self.most_held = max(self.most_held, len(self._held))
        while self._next in self._held:
            self._shown(self._held.pop(self._next))
            self._next += 1

    def is_full(self) -> bool:
        return False

    def end(self, error: BaseException | None) -> None:
        self.error = error


class DrivenCoordinator(Coordinator):
    """The coordinator as it is, but nobody waits in a thread: neither a reader nor a consumer."""

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        shares: list[Settings],
        timeline: Timeline,
        took: Callable[[Result], None],
        cost: float,
        read_ahead: int,
    ) -> None:
        self.mailbox = VirtualMailbox(timeline, cost)
        self._virtual_read_ahead = VirtualReadAhead(read_ahead)
        super().__init__(
            settings,
            executor,
            shares,
            read_ahead=self._virtual_read_ahead,
            clock=timeline.clock,
            mailbox=self.mailbox,
        )
        self.results = VirtualResults(took, self._virtual_read_ahead.shown)
        self._state.results = self.results

    def _read(self, entries: Iterable[Entry]) -> None:
        self.mailbox.input = Input(entries, self._virtual_read_ahead)

    def go(self, entries: Iterable[Entry]) -> None:
        """Run from the first entry to the last. Raises what the run would raise."""
        self._run(entries, NoLedger(), None)
        if self.results.error:
            raise self.results.error
