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
    MemberBody,
    PackedMember,
    Piece,
    SavedMember,
    StoredMember,
    pieces_size,
)
from pyfetch.storage.packs.payloads import KnownPayload, Payloads

try:
    from pyfetch.storage.packs.warc_reading import are_whole, read_payload
    from pyfetch.storage.packs.warc_records import (
        ArchivedExchange,
        Original,
        exchange_records,
        info_record,
        sha1_of,
    )
except ImportError as error:
    raise UsageError("--pack warc needs an extra: pip install 'pyfetch-batch[warc]'") from error

_NO_NAME = "pyfetch"
_LONGEST_STEM = 200
"""Bytes of the directory's name that files have: with number and suffix, they may have 255."""


class WarcFormat:
    """The `PackFormat` of WARC files: `NAME-00000.warc.gz`.

    `place`: where the files go; they are named by its last part. `directory`: for large records
    while they are compressed. `state`: the file of the state. `is_there`: whether a pack is long
    enough to have this.
    """

    suffix = ".warc.gz"
    continues = False
    packs_again = True
    repeats_keys = True
    packs_at_once = 64 * 1024

    def __init__(
        self,
        place: str,
        directory: str,
        state: Path,
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
        original = Original(same.url, same.date) if same else None
        exchange = _exchange(head, body, sha1, original=original)
        pieces, length = exchange_records(exchange, self._directory)
        # Where it will be is not known yet: the state keeps that beside the note.
        payload = same or KnownPayload(sha1, exchange.date, "", 0, 0, exchange.url)
        return PackedMember(saved.key, pieces, pieces_size(pieces), 0, length, payload.text())

    def written(self, stored: StoredMember) -> None:
        self._payloads.add(stored)

    def answer(self, answer: OtherAnswer) -> Sequence[Piece]:
        body = MemberBody(len(answer.body), answer.body)
        exchange = _exchange(answer.head, body, sha1_of(body.blocks()), cut_by=answer.cut_by)
        return exchange_records(exchange, self._directory)[0]

    def holder(self, member: StoredMember) -> StoredMember:
        payload = KnownPayload.of(member)
        return payload.member() if payload else member

    def body(self, pack: BinaryIO, member: StoredMember) -> Iterator[bytes]:
        payload = KnownPayload.of(member)
        return read_payload(pack, payload.sha1 if payload else "", member.offset)

    def is_sound(self, pack: BinaryIO, member: StoredMember, sha256: str | None) -> bool:  # noqa: ARG002
        # The record of a revisit has no body, but each record has a checksum.
        return are_whole(pack, member.start, member.end)


def _exchange(
    head: ResponseHead,
    body: MemberBody,
    sha1: str,
    original: Original | None = None,
    cut_by: str | None = None,
) -> ArchivedExchange:
    assert head.raw, "a run that writes WARC keeps the heads"  # noqa: S101
    return ArchivedExchange(head.url.exact, head.raw, body, sha1, original, cut_by)


def _stem_of(place: str) -> str:
    """The last part of a directory or of a bucket's address, for names of files."""
    name = place.rstrip("/").rpartition("/")[2] if "://" in place else Path(place).resolve().name
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return stem.encode()[:_LONGEST_STEM].decode(errors="ignore") or _NO_NAME
