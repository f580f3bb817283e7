"""When what happened to a URL, as clock readings: cheap to note, added up where they are shown."""

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

_EPOCH = time.time() - time.monotonic()
"""Seconds since the epoch at which the monotonic clock would have shown 0."""


class Phase(StrEnum):
    """What an attempt does."""

    STARTING = "starting"
    CHECKING = "checking"
    """It reads what is on the disk, to compare it or to go on behind it."""
    RESOLVING = "resolving"
    CONNECTING = "connecting"
    SECURING = "TLS"
    WAITING = "waiting"
    """The request is sent; the answer has not come."""
    RECEIVING = "receiving"
    """The body comes."""


_KEYS = {
    Phase.RESOLVING: "dns",
    Phase.CONNECTING: "connect",
    Phase.SECURING: "tls",
    Phase.WAITING: "first_byte",
    Phase.RECEIVING: "body",
}
"""The phases that are shown, by the key of their seconds."""


Entered = tuple[Phase, float]
"""A phase has begun: which, and when on the monotonic clock, in seconds."""


class Try(NamedTuple):
    """An attempt that has failed, before another one."""

    began: float
    """On the monotonic clock, in seconds, as `ended`."""
    ended: float
    code: str
    status: int | None
    connections: int = 0
    """How many it made."""


class Timing(NamedTuple):
    """When what happened to a URL. All times are on the monotonic clock, in seconds."""

    read: float
    """When the URL began to wait for its turn."""
    tries: tuple[Try, ...]
    """The attempts before the last."""
    began: float
    """When the last attempt began."""
    phases: Sequence[Entered]
    """Of the last attempt."""
    ended: float
    ours: float = 0.0
    """Seconds for which the body waited for us: the disk, a hash, `--limit-rate`."""

    def as_object(self, code: str | None, status: int | None) -> dict[str, Any]:
        """What JSON Lines say, in seconds; `code` and `status` are those of the result.

        `began` is since the epoch. A phase that there was not is null.
        """
        first = self.tries[0].began if self.tries else self.began
        began = [*(one.began for one in self.tries), self.began]
        attempts = [
            _attempt(one.code, one.status, one.ended - one.began, next_one - one.ended)
            for one, next_one in zip(self.tries, began[1:], strict=True)
        ]
        attempts.append(_attempt(code, status, self.ended - self.began, None))
        return {
            "began": round(first + _EPOCH, 6),
            "queued": _rounded(first - self.read),
            **self._seconds(),
            "ours": _rounded(self.ours),
            "connections": self.connections + sum(one.connections for one in self.tries),
            "attempts": attempts,
        }

    @property
    def connections(self) -> int:
        """How many connections the last attempt made."""
        return sum(1 for phase, _ in self.phases if phase is Phase.CONNECTING)

    def _seconds(self) -> dict[str, float | None]:
        seconds: dict[str, float | None] = dict.fromkeys(_KEYS.values())
        ends = [*(at for _, at in self.phases), self.ended][1:]
        for (phase, at), end in zip(self.phases, ends, strict=True):
            key = _KEYS.get(phase)
            if key:
                seconds[key] = _rounded((seconds[key] or 0.0) + end - at)
        return seconds


def _attempt(code: str | None, status: int | None, seconds: float, wait: float | None) -> object:
    return {
        "code": code,
        "status": status,
        "seconds": _rounded(seconds),
        "wait": None if wait is None else _rounded(wait),
    }


def _rounded(seconds: float) -> float:
    return round(max(0.0, seconds), 6)
