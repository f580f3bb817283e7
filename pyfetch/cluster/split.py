"""Pure: the settings of each of several processes, which together do what the whole run should."""

from __future__ import annotations

from dataclasses import replace

from pyfetch.settings import AUTO, MOST_WORKERS, HostSettings, Settings


def split(settings: Settings) -> list[Settings]:
    """The settings of each process.

    Workers and the caps for hosts are divided, so there are no more processes than the lowest cap
    allows. With a limit of requests or bytes a second there is one process: it is fast enough.
    """
    limits: list[Settings | HostSettings] = [settings, *(said for _, said in settings.hosts)]
    caps = [one.per_host or MOST_WORKERS for one in limits]
    number = min(settings.process_number, settings.most_workers, *caps)
    if any(one.rate or one.limit_rate for one in limits):
        number = 1
    return [
        replace(
            settings,
            processes=1,
            workers=settings.workers
            if settings.workers == AUTO
            else _part(settings.workers, number, place),
            max_workers=_part(settings.max_workers, number, place),
            per_host=settings.per_host and settings.per_host // number,
            hosts=tuple(
                (pattern, said._replace(per_host=said.per_host and said.per_host // number))
                for pattern, said in settings.hosts
            ),
            fail_fast=False,
        )
        for place in range(number)
    ]


def _part(whole: int, number: int, place: int) -> int:
    """One of `number` parts, which differ by one at most; at least 1."""
    return max(1, whole // number + (place < whole % number))
