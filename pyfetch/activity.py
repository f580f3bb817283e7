"""What a run is doing at one moment, for the screen: what came, and who waits for whom."""

from collections.abc import Iterable
from typing import NamedTuple


class HostWait(NamedTuple):
    """A host that is left alone for a while, though URLs wait for it."""

    origin: str
    """`scheme://host:port`."""
    seconds: float
    """How long from now on."""
    reason: str
    """`429`, `not reached` and the like; empty if that is not known any more."""
    targets: int
    """How many URLs wait for it."""


class Processes(NamedTuple):
    """The processes that share the fetching of a run."""

    number: int
    starting: int
    """How many of them have not got anything to fetch yet, as they have just begun."""
    idle: int
    """How many of the others have no transfer in flight."""


class BusyHost(NamedTuple):
    """How often a host was asked in a run over several processes."""

    origin: str
    """`scheme://host:port`."""
    requests: int
    rate: float | None
    """Requests a second, from the first one to the last one; None if that was too short."""


class Activity(NamedTuple):
    """A snapshot of a run; immutable."""

    received: int = 0
    """Bytes of bodies that have come over the network so far."""
    paused: tuple[HostWait, ...] = ()
    """Hosts that are paused, the one that waits longest first."""
    retries: int = 0
    """URLs that failed and wait for their next try."""
    retry_in: tuple[float, float] = (0.0, 0.0)
    """Seconds until the first and until the last of these tries."""
    held_back: int = 0
    """URLs that wait because of `--rate`."""
    slowed: tuple[HostWait, ...] = ()
    """Hosts that are asked as often as they have shown to accept, and no more."""
    computing: int = 0
    """Files that are computed at this moment."""
    to_compute: int = 0
    """Files that were fetched and wait to be computed."""
    processes: Processes | None = None
    """Of a run over several ones; None: this process fetches."""


IDLE = Activity()


def combined_activity(activities: Iterable[Activity]) -> Activity:
    """What several processes do together."""
    every = list(activities)
    if len(every) == 1:
        return every[0]
    waits = [one.retry_in for one in every if one.retries]
    return Activity(
        received=sum(one.received for one in every),
        paused=_joined(wait for one in every for wait in one.paused),
        retries=sum(one.retries for one in every),
        retry_in=(min(first for first, _ in waits), max(last for _, last in waits))
        if waits
        else (0.0, 0.0),
        held_back=sum(one.held_back for one in every),
        slowed=_joined(wait for one in every for wait in one.slowed),
        computing=sum(one.computing for one in every),
        to_compute=sum(one.to_compute for one in every),
    )


def _joined(waits: Iterable[HostWait]) -> tuple[HostWait, ...]:
    """One for each host, for which URLs may wait in several processes."""
    by_origin: dict[str, HostWait] = {}
    for wait in waits:
        known = by_origin.get(wait.origin)
        if known:
            longer = max(known, wait, key=lambda one: one.seconds)
            wait = longer._replace(targets=known.targets + wait.targets)
        by_origin[wait.origin] = wait
    return tuple(sorted(by_origin.values(), key=lambda wait: -wait.seconds))
