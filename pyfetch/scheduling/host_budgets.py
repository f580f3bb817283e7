"""What the members of a run tell each other about hosts that several of them may ask. Values.

A host with limits is asked by those only that have a part of its budget: a whole number of
requests at once, a fraction of its rates. All times are seconds from now, since clocks of several
machines have nothing in common.
"""

from collections.abc import Callable
from typing import NamedTuple

from pyfetch.models import Failure


class HostBudget(NamedTuple):
    """What a member may do at a host from now on. It replaces what it was told before."""

    origin: str
    serial: int
    """Which message about this host it is; `BudgetObeyed` names it. 0: none is wanted."""
    per_host: int | None
    """Requests at once; 0: none may begin; None: no limit."""
    interval: float = 0.0
    """Seconds from one request to the next."""
    limit_rate: int | None = None
    """Bytes a second; None: no limit."""


class HostNews(NamedTuple):
    """What a member has learned of a host, or what another one had learned."""

    origin: str
    wait: float = 0.0
    """Seconds until it may be asked again."""
    reason: str = ""
    """Why it is paused, in a word or a number."""
    refused_for: float = 0.0
    """Seconds for which its targets fail without a request, as it was given up."""
    failure: Failure | None = None
    """How these targets fail."""
    detail: str = ""
    rate: float | None = None
    """Requests a second that it has shown to accept; None: no limit has been found."""
    refused_rate: float = 0.0
    """The rate at which it refused requests last."""

    @property
    def matters(self) -> bool:
        """Whether a member has to know it before it asks the host."""
        return self.wait > 0 or self.refused_for > 0 or self.rate is not None

    def after(self, seconds: float) -> "HostNews":
        """The same news so many seconds later."""
        wait = max(0.0, self.wait - seconds)
        return self._replace(
            wait=wait,
            reason=self.reason if wait else "",
            refused_for=max(0.0, self.refused_for - seconds),
        )


class HostWanted(NamedTuple):
    """A member has something to ask of a host of which it has no part: a redirect led there."""

    origin: str
    """A `HostBudget` answers, sooner or later, if the host has limits; else news of it, if any."""


class BudgetObeyed(NamedTuple):
    """The requests of a member that are running keep to the budget that it was told."""

    origin: str
    serial: int
    """Of the `HostBudget`."""
    news: HostNews
    """What the member knows of the host; its `wait` counts from the member's last request."""


class HostAsked(NamedTuple):
    """How often a member has asked a host since it last told that."""

    origin: str
    requests: int
    first_ago: float
    """Seconds since the first of these requests."""
    last_ago: float


HostReport = HostNews | HostWanted | BudgetObeyed
"""What a member tells of a host."""
Tell = Callable[[HostReport], None]
