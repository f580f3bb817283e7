"""Starts virtual members, and lets things befall them."""

from __future__ import annotations

from collections.abc import Callable

from pyfetch.cluster.executor import Heard, RoomChanged
from pyfetch.cluster.messages import Begin
from tools.simulation.cluster.member import VirtualMember
from tools.simulation.cluster.origins import Origins
from tools.simulation.cluster.timeline import Timeline


class VirtualExecutor:
    """Has places for members, which may become more or fewer."""

    def __init__(self, places: int, origins: Origins, timeline: Timeline) -> None:
        self._places = places
        self._alive = 0
        self._origins = origins
        self._time = timeline
        self._changed: Callable[[RoomChanged], None] = lambda _: None
        self.resized: Callable[[int], None] = lambda _: None
        """Called with how many more places (or fewer) there are."""
        self.members: list[VirtualMember] = []
        """All that were started, those that are gone included."""

    def watch(self, changed: Callable[[RoomChanged], None]) -> None:
        self._changed = changed

    @property
    def living(self) -> list[VirtualMember]:
        """The members that are not gone."""
        return [member for member in self.members if not member.gone]

    def size(self) -> int:
        return self._places

    def has_room(self) -> bool:
        return self._alive < self._places

    def hold(self, descriptor: int) -> None:
        raise AssertionError("no files are kept")

    def start(self, begin: Begin, heard: Heard) -> VirtualMember:
        name = f"member-{len(self.members)}"
        member = VirtualMember(name, begin, heard, self._origins, self._time, self._is_gone)
        self._alive += 1
        self.members.append(member)
        return member

    def _is_gone(self) -> None:
        self._alive -= 1

    def close(self) -> None:
        for member in self.living:
            member.die("killed by SIGKILL")

    def grow(self, places: int) -> None:
        """Let there be so many more places."""
        self._places += places
        self.resized(places)
        self._changed(RoomChanged())

    def lose(self, place: int) -> None:
        """Let one of the living members die, and its place go with it."""
        living = self.living
        self._places -= 1
        self.resized(-1)
        living[place % len(living)].die("killed by SIGKILL")
