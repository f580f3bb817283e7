"""Targets and hosts for tests of what may start now, in virtual time."""

from __future__ import annotations

from pyfetch.models import Failure, HostSignal, Outcome, Result, Target
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.urls import Url

NOW = 1000.0
AT_ONCE = RetryPolicy(first_wait=0)
BUSY = Result(1, "http://a/1", Outcome.FAILED, status=429, error=Failure.HTTP, detail="429")


def at(index: int, origin: str = "a", path: str | None = None) -> Target:
    return Target(index, Url(f"http://{origin}/{index}", origin, f"http://{origin}/{index}"), path)


def push_back(schedule: HostQueues, origin: str, asked: float, now: float = NOW) -> None:
    """Let this host answer somebody that it wants to be left alone so long."""
    schedule.started(origin, now)
    schedule.ended(origin, now, now, HostSignal.PUSHED_BACK, asked, BUSY)


def asking(schedule: HostQueues, now: float = NOW) -> list[int]:
    """The indexes of all that may start now, where those that do are in flight from then on."""
    indexes = []
    while target := schedule.next(now):
        schedule.started(target.origin, now)
        indexes.append(target.index)
    return indexes


def answer(schedule: HostQueues, origin: str, now: float = NOW) -> None:
    """Let an attempt that began just now be answered."""
    schedule.ended(origin, now, now, HostSignal.ANSWERED, None, BUSY)
