"""What starts the members of a run: processes with an engine of their own, wherever they are.

The coordinator knows these protocols alone. `local` starts members on this machine, `dask_executor`
on the workers of a Dask cluster. Messages are pickled by the channel that sends them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pyfetch.cluster.messages import Begin, FromMember, ToMember
from pyfetch.errors import StoppedError

LEASE_OVER = 75
"""Exit status of a member that has heard nothing of the coordinator for as long as its lease."""


class Gone(NamedTuple):
    """The member has ended, and certainly writes no file any more."""

    how: str
    """How it ended, as a clause for people."""
    is_unfit: bool = False
    """Whether its place is of no use to this run: `how` is then a whole sentence."""
    is_blameless: bool = False
    """Whether what it was doing certainly has nothing to do with its end."""


Heard = Callable[[list[FromMember] | Gone], None]
"""Called, from any thread, with all messages of a member and at last with a `Gone`."""


class RoomChanged(NamedTuple):
    """There may be room for other members than before, or the executor is lost."""

    error: StoppedError | None = None


class MemberChannel(Protocol):
    """The coordinator's end of a connection to one member."""

    is_local: bool
    """Whether the member sees the file system of this machine: it needs no check of that."""
    where: str
    """Where it runs: what `refuse` is about."""

    def send(self, message: ToMember) -> None:
        """Send a message without waiting. Does nothing if the member has ended."""

    def kill(self) -> None:
        """End the member at once. A `Gone` says when it has ended."""

    def refuse(self) -> None:
        """Start no other member where this one is."""


class Executor(Protocol):
    """Starts members, as long as there is room for them."""

    def watch(self, changed: Callable[[RoomChanged], None]) -> None:
        """Call `changed`, from any thread, when `size` or `has_room` may have changed."""

    def size(self) -> int:
        """How many members there can be at once, as far as is known now."""

    def has_room(self) -> bool:
        """Whether another member can be started now."""

    def hold(self, descriptor: int) -> None:
        """Let members of this machine keep a descriptor open as long as they live."""

    def start(self, begin: Begin, heard: Heard) -> MemberChannel:
        """Start a member. Raises `StoppedError`."""

    def close(self) -> None:
        """End all members, and wait until they have ended."""
