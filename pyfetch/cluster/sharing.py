"""What the members of a run share: the targets that wait, their hosts, the numbers of the run."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pyfetch.activity import Activity, HostWait
from pyfetch.cluster.host_owners import HostOwners, limits_by
from pyfetch.cluster.member import Member
from pyfetch.cluster.messages import FromMember, RunBudgetObeyed, TargetsReturned
from pyfetch.cluster.run_numbers import RunNumbers, run_limits
from pyfetch.models import Target
from pyfetch.scheduling.host_budgets import BudgetObeyed, HostNews, HostWanted
from pyfetch.settings import Settings

_HELP_EVERY = 0.1
"""Seconds between two looks at members that have nothing to do though targets wait."""


class Sharing:
    """Says what each member may get, and passes on what they tell of hosts."""

    def __init__(self, settings: Settings) -> None:
        self.hosts: HostOwners[Member] = HostOwners(
            limits_by(settings), lambda member, told: member.channel.send(told)
        )
        limits = run_limits(settings.rate if settings.rate_total else None, settings.limit_rate)
        self._numbers: RunNumbers[Member] | None = (
            RunNumbers(limits, lambda member, told: member.channel.send(told)) if limits else None
        )
        self._help_at = -math.inf

    def joined(self, member: Member) -> None:
        """A member may get targets from now on."""
        if self._numbers:
            self._numbers.joined(member)

    def gone(self, member: Member, now: float) -> None:
        """A member has ended: others may have what it had."""
        self.hosts.gone(member, now)
        if self._numbers:
            self._numbers.gone(member, now)

    def may_get_more(self, member: Member) -> bool:
        """Whether there may be targets for this member."""
        if self._numbers and self._numbers.enough(member) <= len(member.targets):
            return False
        return not self.hosts.has_nothing_for(member)

    def take(self, member: Member, number: int, now: float, among: int) -> list[Target]:
        """Take out targets for a member, at most so many. `among`: as `HostOwners.take` has it."""
        if self._numbers:
            number = min(number, self._numbers.enough(member) - len(member.targets))
        return self.hosts.take(member, number, now, among)

    def follow(self, member: Member, message: FromMember, now: float) -> bool:
        """Take in a message about hosts or numbers. False: it is about something else."""
        match message:
            case HostNews():
                self.hosts.heard(member, message, now)
            case HostWanted(origin):
                self.hosts.wanted(member, origin, now)
            case BudgetObeyed():
                self.hosts.obeyed(member, message, now)
            case TargetsReturned(origin, indexes):
                self.hosts.returned(member, origin, member.returned(indexes), now)
            case RunBudgetObeyed(serial):
                if self._numbers:
                    self._numbers.obeyed(member, serial, now)
            case _:
                return False
        return True

    def do_what_is_due(self, members: Iterable[Member], now: float) -> None:
        """Let members that have nothing to do have hosts of others, and parts of the numbers."""
        due = self.hosts.due()
        if due is not None and due <= now:
            self.hosts.wake(now)
        if self.hosts.are_held_back and self._help_at <= now:
            self._help_at = now + _HELP_EVERY
            for member in members:
                if member.is_ready and (idle := member.workload.idle_workers):
                    self.hosts.help(member, idle, now)
        if self._numbers:
            self._numbers.wake(now)
            self._numbers.divide_again(self._use_of, now)

    def with_waiting(self, activity: Activity) -> Activity:
        """What members have reported, with the targets that none of them has yet; any thread."""
        hosts = self.hosts
        held_back = hosts.waiting if self._numbers else hosts.held_back
        return activity._replace(
            paused=tuple(map(self._with_waiting, activity.paused)),
            slowed=tuple(map(self._with_waiting, activity.slowed)),
            held_back=activity.held_back + held_back if activity.held_back else 0,
        )

    def _with_waiting(self, wait: HostWait) -> HostWait:
        return wait._replace(targets=wait.targets + self.hosts.waiting_at(wait.origin))

    def due(self) -> float:
        """When `do_what_is_due` must be called; `inf`: not before something has happened."""
        due = self.hosts.due()
        return min(
            math.inf if due is None else due,
            self._help_at if self.hosts.are_held_back else math.inf,
            self._numbers.due() if self._numbers else math.inf,
        )

    def _use_of(self, member: Member) -> float:
        """Which fraction of its part of the run's numbers a member uses."""
        part = self._numbers.part(member) if self._numbers else None
        return member.use_of(part) if part else 0.0
