"""Who waits, and for whom, as the screen shows it. Pure, the time passed in."""

from __future__ import annotations

from pyfetch.activity import Activity, HostWait
from pyfetch.scheduling.queue import HostQueues

MOST_HOSTS = 16
"""Hosts that are named, at most."""


def who_waits(queues: HostQueues, now: float, received: int) -> Activity:
    """Take a snapshot: it looks at what waits for a time, and at no more than that.

    `received`: bytes that have come so far.
    """
    paused: list[HostWait] = []
    slowed: list[HostWait] = []
    retries: list[float] = []
    held_back = 0
    for time, queue in queues.waiting_for_a_time():
        if queue is None:
            if time > now:  # what goes on with another request may start at once
                retries.append(time - now)
            continue
        host, number = queue.host, queue.number_ready
        pause = host.wait(now)
        if pause:
            paused.append(HostWait(queue.origin, pause[0], pause[1], number))
        elif learned := host.learned_interval():
            slowed.append(HostWait(queue.origin, learned, "", number))
        else:
            held_back += number
    if queues.holds_back_all(now):
        held_back = len(queues) - len(retries) - sum(wait.targets for wait in paused)
    return Activity(
        received=received,
        paused=_longest(paused),
        retries=len(retries),
        retry_in=(min(retries), max(retries)) if retries else (0.0, 0.0),
        held_back=held_back,
        slowed=_longest(slowed),
    )


def _longest(waits: list[HostWait]) -> tuple[HostWait, ...]:
    return tuple(sorted(waits, key=lambda wait: -wait.seconds)[:MOST_HOSTS])
