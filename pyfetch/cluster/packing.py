"""Packs of a run over members: the coordinator, which has the state, gives them to members."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from pyfetch.cluster.pack_messages import (
    FromPackingMember,
    PackBytes,
    PackBytesWanted,
    PackBytesWritten,
    PackGiven,
    PackReturned,
    PackWanted,
    ToPackingMember,
)
from pyfetch.storage.packs.pack_source import GivenPack

if TYPE_CHECKING:
    from pyfetch.cluster.far_packs import FarPacks, PacksHere
    from pyfetch.cluster.member import Member
    from pyfetch.storage.packs.pack_store import PackStore
    from pyfetch.storage.packs.packs import Packs

_TOLD_OF = 1024 * 1024
"""After so many bytes of a member are written, it is told so."""


class AskedPacks:
    """The packs of a member, as the `PackSource` of its writer: it asks the coordinator."""

    def __init__(
        self, send: Callable[[FromPackingMember], None], store: PackStore, *, far: bool
    ) -> None:
        """`far`: whether the coordinator has open packs where this process cannot write to them."""
        self._send = send
        self._writer = store.writer
        self._writer.source = self
        self._far: FarPacks | None = None
        if far:
            from pyfetch.cluster.far_packs import FarPacks

            self._far = FarPacks(store.directory, send)
            store.append_to(self._far, self._far.written)
        self._given: queue.SimpleQueue[GivenPack] = queue.SimpleQueue()

    def take(self) -> GivenPack:
        self._send(PackWanted())
        return self._given.get()

    def full(self, name: str, length: int, members: int) -> None:
        self._send(PackReturned(name, length, members))
        if self._far:
            self._far.forget(name)

    def left(self, name: str, length: int) -> None:
        self._send(PackReturned(name, length, None))

    def close(self) -> None:
        """Give back the pack that is open, and append nothing more."""
        self._writer.close()

    def hear(self, message: ToPackingMember) -> None:
        """Take in what the coordinator says of packs."""
        if isinstance(message, PackGiven):
            self._given.put(message.pack)
        elif self._far:
            self._far.hear(message)


class MembersPacks:
    """Which member has which pack, for the coordinator. Methods raise a `RunError`."""

    def __init__(self, packs: Packs) -> None:
        self._packs = packs
        self._names: dict[str, Member] = {}
        """By name, the member that appends to a pack, or that has filled it."""
        self._here: PacksHere | None = None
        self._written: Counter[Member] = Counter()
        """Bytes that are written, and that members were not told of."""

    def follow(self, member: Member, message: FromPackingMember) -> None:
        """Do what a member asks for."""
        match message:
            case PackWanted():
                given = self._packs.take()
                self._names[given.name] = member
                member.channel.send(PackGiven(given))
            case PackReturned():
                self._take_back(message)
            case PackBytes():
                self._packs_here().write(message)
                self._written[member] += len(message.data)
                if self._written[member] >= _TOLD_OF:
                    member.channel.send(PackBytesWritten(self._written.pop(member)))
            case PackBytesWanted():
                member.channel.send(self._packs_here().read(message))

    def _packs_here(self) -> PacksHere:
        if self._here is None:
            from pyfetch.cluster.far_packs import PacksHere

            self._here = PacksHere(self._packs.store)
        return self._here

    def _take_back(self, message: PackReturned) -> None:
        if self._here:
            self._here.close(message.name)
        if message.members is None:
            self._names.pop(message.name, None)
            self._packs.left(message.name, message.length)
        else:
            self._packs.full(message.name, message.length, message.members)

    def gone(self, member: Member) -> None:
        """A member has ended: others go on in its packs, as far as it has reported its files."""
        self._written.pop(member, None)
        for name in [name for name, owner in self._names.items() if owner is member]:
            if self._here:
                self._here.close(name)
            del self._names[name]
            self._packs.abandoned(name)
