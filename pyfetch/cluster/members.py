"""The processes of a run, and what each of them has to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pyfetch.cluster.messages import Begin, Flying, FromProcess, InFlight
from pyfetch.cluster.process import Gone, WorkerProcess
from pyfetch.cluster.shards import Share
from pyfetch.cluster.split import divided
from pyfetch.errors import StoppedError
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer

_SILENT_LOOKS = 6
"""A process that has said nothing for so many of them hangs, or was stopped."""
_MOST_STILLBORN = 3
"""Processes in a row that may end without a word before the run is given up."""

_log = logging.getLogger(__name__)


class MemberTold(NamedTuple):
    """Something that a process has said, or that it is gone."""

    member: Member
    said: list[FromProcess] | Gone


@dataclass(slots=True, eq=False, repr=False)
class Member:
    """A process of a run."""

    process: WorkerProcess
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

    def give(self, shard: list[Target]) -> None:
        """Let it fetch these too."""
        self.targets.update((target.index, target) for target in shard)
        self.share.given(len(shard))
        self.process.send(shard)

    def finished(self, index: int) -> Target:
        """It has said that it is done with this target."""
        self.share.finished(1, time.monotonic())
        return self.targets.pop(index)

    def reported(self, flying: Flying) -> None:
        """It has said what it has in flight."""
        self.flying = [
            _seen(self.targets[seen.index], seen)
            for seen in flying.transfers
            if seen.index in self.targets
        ]


class Members:
    """Makes processes, as many as the settings can be divided among, and ends them.

    `heard` is called, from any thread, with what each of them says. `spares` are taken first.
    """

    def __init__(
        self,
        settings: Settings,
        heard: Callable[[MemberTold], None],
        *,
        watched: bool,
        spares: Iterable[WorkerProcess] = (),
    ) -> None:
        self._divided = divided(settings)
        self._spares = list(spares)
        self._heard = heard
        self._watched = watched
        self._members: list[Member] = []
        self._free = list(range(len(self._divided)))
        """Which of the divided settings no process has."""
        self._stillborn = 0
        """Processes in a row that have ended without a word."""
        self.most = len(self._divided)
        """How many there may be at once."""
        self.workers = sum(part.most_workers for part in self._divided)
        """How many workers all of them have together, at most."""

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    @property
    def in_flight(self) -> list[Transfer]:
        """What was running a moment ago; a snapshot for any thread."""
        return [
            transfer
            for member in list(self._members)
            for transfer in member.flying
            if transfer.target.index in member.targets
        ]

    def with_room(self, holding: tuple[int, ...]) -> Member | None:
        """The one with the least to do, if it has room for more.

        Another one, which has these descriptors as long as it lives, is made when all workers
        of those that there are have something to do.
        """
        idle = [member for member in self._members if member.share.load < 1]
        if not idle and self._free:
            idle = [self._made(holding)]
        with_room = [member for member in idle or self._members if member.share.room()]
        return min(with_room, key=lambda member: member.share.load, default=None)

    def spoke(self, member: Member) -> None:
        """It has said something, so it lives."""
        member.spoke, member.silent, self._stillborn = True, 0, 0

    def end_the_silent(self) -> None:
        """Look at all of them, and end each that says nothing any more."""
        # Counted, not timed: where all of us were stopped, nobody was silent.
        for member in self._members:
            member.silent += 1
            if member.silent > _SILENT_LOOKS:
                member.process.kill()

    def remove(self, member: Member) -> None:
        """It is gone; another one may have its place."""
        self._members.remove(member)
        self._free.append(member.place)

    def lost(self, member: Member, how: str) -> None:
        """It is gone before its time. Raises `StoppedError` where all end as they begin."""
        self._stillborn += not member.spoke
        if self._stillborn == _MOST_STILLBORN:
            detail = f"{_MOST_STILLBORN} processes ended as soon as they began: {how}"
            raise StoppedError(detail)

    def kill(self) -> None:
        """End all of them at once, and wait until they are gone."""
        for process in (*(member.process for member in self._members), *self._spares):
            process.kill()
            process.wait()
        self._spares.clear()

    def _made(self, holding: tuple[int, ...]) -> Member:
        place = self._free.pop(0)
        settings = self._divided[place]
        process = self._spares.pop() if self._spares else WorkerProcess()
        share = Share(settings.most_workers, time.monotonic())
        member = Member(process, place, share, {}, [])
        self._members.append(member)
        process.begin(Begin(settings, _log.getEffectiveLevel(), self._watched, place), holding)
        process.listen(lambda said: self._heard(MemberTold(member, said)))
        return member


def _seen(target: Target, seen: InFlight) -> Transfer:
    transfer = Transfer(target, 1, 0.0)
    transfer.received, transfer.resumed, transfer.size = seen.received, seen.resumed, seen.size
    return transfer
