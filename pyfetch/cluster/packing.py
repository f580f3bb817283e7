"""Packs of a run over members: the coordinator, which has the state, gives them to members."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.storage.packs.pack_source import GivenPack

if TYPE_CHECKING:
    from pyfetch.cluster.member import Member
    from pyfetch.storage.packs.pack_writer import PackWriter
    from pyfetch.storage.packs.packs import Packs


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


class AskedPacks:
    """The packs of a member, as the `PackSource` of its writer: it asks the coordinator."""

    def __init__(
        self, send: Callable[[PackWanted | PackReturned], None], writer: PackWriter
    ) -> None:
        self._send = send
        self._writer = writer
        writer.source = self
        self._given: queue.SimpleQueue[GivenPack] = queue.SimpleQueue()

    def take(self) -> GivenPack:
        self._send(PackWanted())
        return self._given.get()

    def full(self, name: str, length: int, members: int) -> None:
        self._send(PackReturned(name, length, members))

    def left(self, name: str, length: int) -> None:
        self._send(PackReturned(name, length, None))

    def close(self) -> None:
        """Give back the pack that is open, and append nothing more."""
        self._writer.close()

    def hear(self, given: PackGiven) -> None:
        """The coordinator has given a pack."""
        self._given.put(given.pack)


class MembersPacks:
    """Which member has which pack, for the coordinator. Methods raise a `RunError`."""

    def __init__(self, packs: Packs) -> None:
        self._packs = packs
        self._names: dict[str, Member] = {}
        """By name, the member that appends to a pack, or that has filled it."""

    def follow(self, member: Member, message: PackWanted | PackReturned) -> None:
        """Do what a member asks for."""
        if isinstance(message, PackWanted):
            given = self._packs.take()
            self._names[given.name] = member
            member.channel.send(PackGiven(given))
            return
        if message.members is None:
            self._names.pop(message.name, None)
            self._packs.left(message.name, message.length)
        else:
            self._packs.full(message.name, message.length, message.members)

    def gone(self, member: Member) -> None:
        """A member has ended: others go on in its packs, as far as it has reported its files."""
        for name in [name for name, owner in self._names.items() if owner is member]:
            del self._names[name]
            self._packs.abandoned(name)
