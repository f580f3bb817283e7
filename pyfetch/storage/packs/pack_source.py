"""Where writers get packs from. A run over processes loads this without what packs need."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class GivenPack(NamedTuple):
    """A pack that a writer may append to."""

    name: str
    length: int
    """Bytes that it has."""
    members: int
    """How many members these are."""


class PackSource(Protocol):
    """Gives packs to writers, and takes back those that are full. For any thread."""

    def take(self) -> GivenPack:
        """A pack that no other writer has. Raises a `RunError`, `OSError`."""
        ...

    def full(self, name: str, length: int, members: int) -> None:
        """Take back a pack that has got so many `members`, and so many bytes in all."""
        ...

    def left(self, name: str, length: int) -> None:
        """Take back a pack that is not full, at the end of the run."""
        ...
