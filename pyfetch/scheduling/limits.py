"""What limits the requests to a host, as values. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyfetch.models import Failure
from pyfetch.scheduling.host_rate import HostRate
from pyfetch.scheduling.retry import RetryPolicy


class Limits(NamedTuple):
    """How much may be asked of a host, as the settings say."""

    per_host: int | None = None
    """Transfers at once; None: no limit but that of the workers."""
    interval: float = 0.0
    """Seconds from one request to the next to the same host."""
    interval_of_all: float = 0.0
    """Seconds from one request to the next, to any host."""


class HostRules(NamedTuple):
    """What the settings say of one host."""

    limits: Limits
    policy: RetryPolicy


RulesOf = Callable[[str], HostRules]
"""Returns the rules for an origin. It is asked once for each host, and after failures."""


class Refusal(NamedTuple):
    """Why a host must not be asked now."""

    until: float
    """When it may be asked again, in seconds."""
    failure: Failure
    detail: str


class HostMemory(NamedTuple):
    """What to keep of a host for which nothing waits: little, as there may be many hosts."""

    not_before: float
    """The host must not be asked earlier, in seconds."""
    refusal: Refusal | None = None
    """Why it must not be asked, if it was given up."""
    rate: HostRate | None = None
    """Its request rate, if that was learned."""
