"""WARC (ISO 28500) as a format of packs: what went over the connection, for archives."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pyfetch.errors import UsageError
from pyfetch.http.other_answer import OtherAnswer
from pyfetch.http.response import ResponseHead
from pyfetch.naming.components import RelativePath
from pyfetch.storage.packs.pack_format import (
    Body,
    FileSlice,
    PackedMember,
    Piece,
    SavedMember,
    StoredMember,
)
from pyfetch.storage.packs.payloads import Note, Payload, Payloads, note_of

try:
    from pyfetch.storage.packs.warc_records import (
        Exchange,
        Original,
        exchange_records,
        info_record,
        read_payload,
        sha1_of,
    )
except ImportError as error:
    raise UsageError("--pack warc needs an extra: pip install 'pyfetch-batch[warc]'") from error

_NO_NAME = "pyfetch"


class WarcFormat:
    """The `PackFormat` of WARC files: `NAME-00000.warc.gz`.

    `place`: where the files go, whose last part they are named by. `directory`: for large records
    while they are compressed.
    """

    suffix = ".warc.gz"
    continues = False

    def __init__(
        self,
        place: str,
        directory: str,
        state: Path | None,
        is_there: Callable[[StoredMember], bool],
    ) -> None:
        self._stem = _stem_of(place)
        self._directory = directory
        self._payloads = Payloads(state, is_there)

    def key(self, path: RelativePath) -> RelativePath:
        return path

    def name(self, number: int) -> str:
        return f"{self._stem}-{number:05}{self.suffix}"

    def opening(self, name: str) -> bytes:
        return info_record(name, time.time())

    def closing(self) -> bytes:
        return b""

    def packed(self, saved: SavedMember) -> PackedMember:
        head, body = saved.content.head, saved.body
        sha1 = sha1_of(body.blocks())
        same = self._payloads.find(sha1) if body.size else None
        refers_to = (same.member.pack, same.member.offset, same.member.length) if same else None
        original = Original(same.member.name, same.date) if same else None
        exchange = _exchange(head, body, sha1, original=original)
        pieces, length = exchange_records(exchange, self._directory)
        note = Note(sha1, exchange.date, refers_to)
        return PackedMember(exchange.url, pieces, _size_of(pieces), 0, length, note.text())

    def written(self, member: StoredMember) -> None:
        note = note_of(member)
        if note and not note.refers_to:
            self._payloads.add(note.sha1, Payload(note.date, member))

    def answer(self, answer: OtherAnswer) -> Sequence[Piece]:
        body = Body(len(answer.body), answer.body)
        exchange = _exchange(answer.head, body, sha1_of(body.blocks()), cut_by=answer.cut_by)
        return exchange_records(exchange, self._directory)[0]

    def holder(self, member: StoredMember) -> StoredMember:
        note = note_of(member)
        if note is None or note.refers_to is None:
            return member
        pack, offset, length = note.refers_to
        return member._replace(
            pack=pack, start=offset, end=offset + length, offset=offset, length=length
        )

    def body(self, pack: BinaryIO, member: StoredMember) -> Iterator[bytes]:
        note = note_of(member)
        return read_payload(pack, note.sha1 if note else "", member.offset)


def _exchange(
    head: ResponseHead,
    body: Body,
    sha1: str,
    original: Original | None = None,
    cut_by: str | None = None,
) -> Exchange:
    assert head.raw, "a run that writes WARC keeps the heads"  # noqa: S101
    return Exchange(head.url.exact, head.raw, body, sha1, original, cut_by)


def _stem_of(place: str) -> str:
    """The last part of a directory or of a bucket's address, for names of files."""
    name = place.rstrip("/").rpartition("/")[2] if "://" in place else Path(place).resolve().name
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or _NO_NAME


def _size_of(pieces: Sequence[Piece]) -> int:
    return sum(piece.size if isinstance(piece, FileSlice) else len(piece) for piece in pieces)
