"""Pure: what each of several processes is to do, so that together they do what is wanted."""

from __future__ import annotations

from dataclasses import replace

from pyfetch.settings import AUTO, MOST_WORKERS, Settings


def divided(settings: Settings) -> list[Settings]:
    """What each process is to do, so that all of them together do what the settings say.

    The cap for a host is divided too, so there are no more processes than it can be divided
    among; and where there is a rate, one has time enough for it.
    """
    number = min(settings.process_number, settings.most_workers, settings.per_host or MOST_WORKERS)
    if settings.rate or settings.limit_rate:
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
            fail_fast=False,
        )
        for place in range(number)
    ]


def _part(whole: int, number: int, place: int) -> int:
    """The parts differ by one at most and are the whole together."""
    return max(1, whole // number + (place < whole % number))
