"""Messages between the coordinator and its members in a run that packs."""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.storage.packs.pack_source import GivenPack


class PackWanted(NamedTuple):
    """A member needs a pack to append to."""


class PackGiven(NamedTuple):
    """The answer to `PackWanted`."""

    pack: GivenPack


class PackReturned(NamedTuple):
    """A member appends nothing more to a pack."""

    name: str
    length: int
    members: int | None
    """How many members it has appended, if the pack is full; None: it is not, but all is done."""


class PackBytes(NamedTuple):
    """What a member has appended to a pack, or some of it."""

    name: str
    at: int
    """Where it is in the pack."""
    data: bytes


class PackBytesWritten(NamedTuple):
    """So many bytes of a member's `PackBytes` are in its packs now."""

    number: int


class PackBytesWanted(NamedTuple):
    """A member wants to read an open pack, which may be another one's."""

    number: int
    """That of the answer."""
    name: str
    start: int
    end: int


class PackBytesRead(NamedTuple):
    """The answer to `PackBytesWanted`."""

    number: int
    size: int | None
    """Bytes of the pack; None: it is not open, or not any more."""
    data: bytes


ToPackingMember = PackGiven | PackBytesWritten | PackBytesRead
FromPackingMember = PackWanted | PackReturned | PackBytes | PackBytesWanted
