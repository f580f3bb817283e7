"""The members of a run: which of them gets targets, and when another one is started."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from pyfetch.activity import Activity, Processes, combined_activity
from pyfetch.cluster.executor import Executor
from pyfetch.cluster.member import Member, MemberReport
from pyfetch.cluster.messages import Begin
from pyfetch.cluster.workload import Workload
from pyfetch.errors import StoppedError
from pyfetch.settings import Settings
from pyfetch.storage.filesystem import DirectoryIdentity
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where something is computed
    from pyfetch.cluster.members_computing import MembersComputing

_SILENT_LOOKS = 6
"""After this many checks without a message in between, a member is killed as it hangs."""
_MOST_STILLBORN = 3
"""A place is refused after this many members in a row have ended there without a message."""

_log = logging.getLogger(__name__)


class Members:
    """Has members started, one for each share of the settings at most, and ends them.

    `heard` is called, from any thread, with the messages of each.
    """

    def __init__(
        self,
        shares: list[Settings],
        executor: Executor,
        heard: Callable[[MemberReport], None],
        clock: Callable[[], float],
        *,
        ready: Callable[[Member], None] = lambda _: None,
        watched: bool,
        computing: MembersComputing | None = None,
    ) -> None:
        """`ready`: called with each member that may get targets from now on."""
        self._shares = shares
        self._executor = executor
        self._heard = heard
        self._clock = clock
        self._ready = ready
        self._watched = watched
        self._computing = computing
        self._members: list[Member] = []
        self._workers_of = list(accumulate(share.most_workers for share in shares))
        """How many workers the first of the shares have together, for each number of shares."""
        self._open: dict[Member, None] = {}
        """Members that are ready, without those that had no room and have sent nothing since."""
        self._free = list(range(len(shares)))
        """Indexes of shares that no member has."""
        self._stillborn: Counter[str] = Counter()
        """How many members in a row have ended without sending a message, by where they were."""
        self._refused: set[str] = set()
        """Places where no other member begins."""
        self._looks_without_any = 0
        """Calls of `end_the_silent` while no member was ready."""
        self._begun = 0
        """Members that were started, whether they are there or not."""
        self._lost = 0
        """How many of them have ended too early."""
        self._received_by_gone = 0
        """Bytes that have come to members which are gone."""
        self.directory: DirectoryIdentity | None = None
        """What the output directory is, where files are kept."""

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    @property
    def most(self) -> int:
        """How many members there may be at once, as far as is known now; at least 1."""
        return max(1, min(len(self._shares), self._executor.size()))

    @property
    def workers(self) -> int:
        """How many workers all of them have together, at most."""
        return self._workers_of[self.most - 1]

    @property
    def in_flight(self) -> list[Transfer]:
        """The transfers of a moment ago; a snapshot for any thread."""
        return [
            transfer
            for member in list(self._members)
            for transfer in member.transfers
            if transfer.target.index in member.targets
        ]

    def activity(self) -> Activity:
        """What was going on a moment ago in all of them; for any thread."""
        gone = Activity(received=self._received_by_gone)
        members = list(self._members)
        together = combined_activity([gone, *(member.activity for member in members)])
        begun = [member for member in members if member.is_ready and member.spoke]
        idle = sum(not member.is_transferring for member in begun)
        processes = Processes(len(members), starting=len(members) - len(begun), idle=idle)
        return together._replace(processes=processes)

    def with_room(
        self, waiting: int, may_have: Callable[[Member], bool] = lambda _: True
    ) -> list[Member]:
        """The members that should get more: those with the fewest targets for each worker first.

        `may_have`: whether there may be something for a member.

        Another one is started if all workers of those that are ready have something to do, and
        those that are not ready yet could not begin with all the targets that are `waiting`.
        """
        idle, others = [], []
        for member in list(self._open):
            workload = member.workload
            if workload.idle_workers:
                idle.append(member)
            elif workload.room():
                others.append(member)
            else:
                del self._open[member]
        while not idle and self._may_begin(waiting):
            begun = self._begin()
            if begun.is_ready:
                idle.append(begun)
        able = list(filter(may_have, idle)) or list(filter(may_have, others))
        return sorted(able, key=lambda member: member.workload.per_worker)

    def ready(self, member: Member) -> None:
        """Take in that a member may get targets from now on."""
        member.is_ready = True
        self._open[member] = None
        self._ready(member)

    def _may_begin(self, waiting: int) -> bool:
        if not self._free or not self._executor.has_room():
            return False
        unready = (member for member in self._members if not member.is_ready)
        return sum(member.workload.idle_workers for member in unready) < waiting

    def spoke(self, member: Member) -> None:
        """Take in that a member has sent something, so it is alive, and may have done targets."""
        if not member.spoke:
            member.spoke = True
            self._stillborn.pop(member.channel.where, None)
        member.silent_looks = 0
        if member.is_ready:
            self._open[member] = None

    def end_the_silent(self) -> None:
        """Check all members that have begun, and kill those that send nothing any more."""
        # Checks are counted, not time: while all processes are suspended, none of them hangs.
        if self._members and not any(member.is_ready for member in self._members):
            self._looks_without_any += 1
            if self._looks_without_any == _SILENT_LOOKS:
                _log.warning("no process of the cluster has begun: all workers may be busy")
        for member in self._members:
            member.silent_looks += member.is_ready
            if member.silent_looks > _SILENT_LOOKS:
                member.channel.kill()

    def remove(self, member: Member) -> None:
        """Remove a member that has ended. Another one may have its share of the settings."""
        self._members.remove(member)
        self._open.pop(member, None)
        self._received_by_gone += member.activity.received
        self._free.append(member.place)

    def lost(self, member: Member, how: str) -> None:
        """Take in that a member ended too early.

        A place where all end as they begin is refused: raises `StoppedError` if there is no other.
        """
        self._lost += 1
        if member.spoke:
            return
        where = member.channel.where
        self._stillborn[where] += 1
        if self._stillborn[where] >= _MOST_STILLBORN:
            begun = f"{_MOST_STILLBORN} processes on {where} ended as soon as they began"
            self.refuse(member, f"{begun}: {how}")

    def refuse(self, member: Member, why: str) -> None:
        """Start no other member where this one was. Raises `StoppedError` if there is no other."""
        where = member.channel.where
        member.channel.refuse()
        if not self._members and not self._executor.has_room():
            raise StoppedError(why)
        if where not in self._refused:  # several may have begun there
            self._refused.add(where)
            _log.warning("%s: the others go on without it", why)

    def close(self) -> None:
        """Kill all members, and wait until they are gone."""
        self._executor.close()
        lost = f"; {self._lost} of them ended too early" if self._lost else ""
        _log.info("processes that fetched: %d%s", self._begun, lost)

    def _begin(self) -> Member:
        place = self._free.pop(0)
        settings = self._shares[place]
        member = Member(place, Workload(settings.most_workers, self._clock()))
        begin = Begin(
            settings,
            _log.getEffectiveLevel(),
            self._watched,
            place,
            self.directory,
            computing=self._computing.part(place, len(self._shares)) if self._computing else None,
        )
        member.channel = self._executor.start(
            begin, lambda messages: self._heard(MemberReport(member, messages))
        )
        self._members.append(member)
        self._begun += 1
        if member.channel.is_local and not self._computing:  # else it says when it can compute
            self.ready(member)
        return member
