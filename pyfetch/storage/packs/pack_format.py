"""The seam between packs and their formats: what a format makes of a body, and of a whole pack."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol, Self

from pyfetch.http.other_answer import OtherAnswer
from pyfetch.http.response import SavedContent
from pyfetch.models import Target
from pyfetch.naming.components import RelativePath

BLOCK = 1024 * 1024


class FileSlice(NamedTuple):
    """The first bytes of an open file, to be copied into a pack."""

    file: BinaryIO
    size: int


Piece = bytes | bytearray | memoryview | FileSlice


def pieces_size(pieces: Iterable[Piece]) -> int:
    """How many bytes these are."""
    return sum(piece.size if isinstance(piece, FileSlice) else len(piece) for piece in pieces)


class MemberBody(NamedTuple):
    """What has come, whole and right: in memory, or in an open file."""

    size: int
    data: bytes | bytearray | None
    """None: it is in the file."""
    file: BinaryIO | None = None

    @property
    def piece(self) -> Piece:
        """All of it, as it is."""
        if self.data is not None:
            return self.data
        assert self.file  # noqa: S101 - it is in either
        return FileSlice(self.file, self.size)

    def blocks(self) -> Iterator[bytes | bytearray]:
        """All of it, block by block. Raises `OSError`."""
        if self.data is not None:
            yield self.data
            return
        assert self.file  # noqa: S101 - it is in either
        at = 0
        while block := os.pread(self.file.fileno(), min(BLOCK, self.size - at), at):
            at += len(block)
            yield block


class SavedMember(NamedTuple):
    """A body that is to become a member of a pack, and all that is known of it."""

    target: Target
    key: str
    """The path that the ledger has given to the target, as `PackFormat.key` has made it."""
    content: SavedContent
    modified: float | None
    """When it was last changed, in seconds since the epoch; None: it is not known."""
    body: MemberBody


class PackedMember(NamedTuple):
    """A member as its format has it: the bytes to append to a pack."""

    name: str
    """Its name in the pack, or what else leads to it there; without tabs."""
    pieces: Sequence[Piece]
    size: int
    """Bytes of all pieces."""
    offset: int
    """Where in the pieces the record begins that the list of members names."""
    length: int
    """Bytes of that record."""
    note: str = ""
    """What the format wants to know of the member in the next run; without tabs."""


class StoredMember(NamedTuple):
    """Where a member is. As a text, the state keeps it: see `FileFacts.stored`."""

    pack: str
    """Name of the pack, which it has as soon as it is sealed."""
    start: int
    """Where its bytes begin in the pack, those included that belong to it alone."""
    end: int
    """Where they end."""
    offset: int
    """Where the record begins in the pack that the list of members names."""
    length: int
    """Bytes of that record."""
    target_index: int
    """Place of its target in the list of the run that has fetched it."""
    note: str
    """What the format wants to know of it."""
    name: str
    """Its name in the pack."""

    def text(self) -> str:
        """All of it as one text."""
        pack, start, end, offset, length, index, note, name = self
        return f"{pack}\t{start}\t{end}\t{offset}\t{length}\t{index}\t{note}\t{name}"

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """What such a text says; None if it says nothing."""
        fields = text.split("\t") if text else []
        if len(fields) != len(cls._fields):
            return None
        pack, start, end, offset, length, index, note, name = fields
        try:
            numbers = int(start), int(end), int(offset), int(length), int(index)
        except ValueError:
            return None
        return cls(pack, *numbers, note, name)


class PackFormat(Protocol):
    """What packs are made of. One for each process; for any thread, several at once."""

    suffix: str
    """The end of the name of each pack."""
    continues: bool
    """Whether a body that was cut off may be continued with a range."""
    packs_again: bool
    """Whether a body is packed that came again as it was."""
    repeats_keys: bool
    """Whether a pack may have several members of one key."""
    packs_at_once: int
    """Bytes of a body up to which `packed` takes no time worth mentioning."""

    def key(self, path: RelativePath, /) -> RelativePath:
        """What a member is known by, from the path that a file would have."""
        ...

    def name(self, number: int, /) -> str:
        """The name of a pack, from its number."""
        ...

    def opening(self, name: str, /) -> bytes:
        """What a new pack begins with."""
        ...

    def closing(self) -> bytes:
        """What a pack ends with."""
        ...

    def packed(self, saved: SavedMember, /) -> PackedMember:
        """A body as a member. Raises `OSError` if it cannot be read."""
        ...

    def written(self, stored: StoredMember, /) -> None:
        """Take note that the pack has this member now."""
        ...

    def holder(self, member: StoredMember, /) -> StoredMember:
        """The member that has the body of this one: most have it themselves."""
        ...

    def body(self, pack: BinaryIO, member: StoredMember, /) -> Iterator[bytes]:
        """Read the body of a member out of an open pack. Raises `OSError`, `ValueError`."""
        ...

    def is_sound(self, pack: BinaryIO, member: StoredMember, sha256: str | None, /) -> bool:
        """Whether an open pack has this member as it was written. Raises `OSError`."""
        ...

    def answer(self, answer: OtherAnswer, /) -> Sequence[Piece]:
        """An answer that is not the content of a target, for a pack that keeps these, too."""
        ...
