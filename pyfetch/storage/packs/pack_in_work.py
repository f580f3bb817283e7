"""A pack that is not sealed, as the process with the state knows it."""

from __future__ import annotations

from pyfetch.storage.packs.pack_source import GivenPack


class PackInWork:
    """A pack that is not sealed."""

    __slots__ = ("_length", "appended", "known_end", "members", "noted")

    def __init__(self, given: GivenPack) -> None:
        self.known_end = given.length
        """Up to here, all members are noted."""
        self._length: int | None = None
        self.members = given.members
        self.noted = 0
        self.appended: int | None = None
        """How many members its writer has appended; None: it has not given the pack back."""

    @property
    def length(self) -> int:
        """Bytes that it has. Of a writer that was killed, they are those of its known members."""
        return self.known_end if self._length is None else self._length

    @length.setter
    def length(self, length: int) -> None:
        self._length = length

    def note(self, start: int, end: int) -> None:
        """Note a member. They come in the order of their places."""
        if start >= self.known_end:  # else it was noted before
            self.noted += 1
            self.members += 1
            self.known_end = end
