"""Records of WARC files, read back by `warcio`, which also checks their digests."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from pyfetch.http.response import RawHeads
from pyfetch.storage.packs.pack_format import FileSlice, MemberBody, Piece
from pyfetch.storage.packs.warc_reading import are_whole, read_payload
from pyfetch.storage.packs.warc_records import (
    ArchivedExchange,
    Original,
    exchange_records,
    info_record,
    sha1_of,
    warc_date,
)

URL = "http://h/a?b=c"
REQUEST = b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-Key: secret\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nX-Odd:   kept \r\nContent-Length: 5\r\n\r\n"
AT = 1_700_000_000.25


def exchange(body: MemberBody, head: bytes = HEAD, **others: Any) -> ArchivedExchange:
    heads = RawHeads(REQUEST, head, AT, "192.0.2.1")
    return ArchivedExchange(URL, heads, body, sha1_of(body.blocks()), **others)


def in_memory(body: bytes) -> MemberBody:
    return MemberBody(len(body), body)


def joined(pieces: Sequence[Piece]) -> bytes:
    return b"".join(
        os.pread(piece.file.fileno(), piece.size, 0) if isinstance(piece, FileSlice) else piece
        for piece in pieces
    )


def records(data: bytes) -> list[tuple[str, dict[str, str], bytes]]:
    """Type, fields and block of each record. Fails if a digest is wrong."""
    found = []
    for record in ArchiveIterator(io.BytesIO(data), no_record_parse=True):
        block = record.raw_stream.read()
        found.append((record.rec_type, dict(record.rec_headers.headers), block))
    for record in ArchiveIterator(io.BytesIO(data), check_digests="raise"):
        record.raw_stream.read()
    return found


def test_a_response_is_a_record_with_its_head_as_it_came_and_its_request_another() -> None:
    pieces, length = exchange_records(exchange(in_memory(b"hello")), "/nowhere")
    data = joined(pieces)
    (kind, said, block), (kind_2, said_2, block_2) = records(data)
    assert (kind, block) == ("response", HEAD + b"hello")
    assert said["WARC-Target-URI"] == said_2["WARC-Target-URI"] == URL
    assert said["WARC-Date"] == said_2["WARC-Date"] == "2023-11-14T22:13:20.250000Z"
    assert said["WARC-IP-Address"] == "192.0.2.1"
    assert said["WARC-Payload-Digest"] == "sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N"
    assert said["Content-Type"] == "application/http; msgtype=response"
    assert said_2["WARC-Concurrent-To"] == said["WARC-Record-ID"]
    assert (kind_2, block_2) == ("request", REQUEST.replace(b"secret", b"***"))
    # Each record is a gzip member of its own, and the first has the length that is said.
    assert gzip.decompress(data[:length]).startswith(b"WARC/1.1\r\nWARC-Type: response\r\n")
    assert gzip.decompress(data[length:]).startswith(b"WARC/1.1\r\nWARC-Type: request\r\n")


def test_a_body_without_its_chunks_is_not_taken_for_chunks() -> None:
    """Else readers would look for chunks in it, and may even find some."""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ntransfer-Encoding: chunked\r\nX-Transfer-Encoding: a\r\n\r\n"
    data = joined(exchange_records(exchange(in_memory(body), head), "/nowhere")[0])
    record = next(iter(ArchiveIterator(io.BytesIO(data))))
    assert record.content_stream().read() == body
    assert record.http_headers.headers == [
        ("X-Orig-transfer-Encoding", "chunked"), ("X-Transfer-Encoding", "a"),
    ]  # fmt: skip


def test_a_large_body_is_compressed_into_a_file_without_a_name(tmp_path: Path) -> None:
    body = os.urandom(1000) * 3000
    (tmp_path / "body").write_bytes(body)
    with (tmp_path / "body").open("rb") as file:
        file.seek(17)  # where it is does not matter
        made = exchange(MemberBody(len(body), None, file))
        pieces, length = exchange_records(made, str(tmp_path))
    assert isinstance(pieces[0], FileSlice)
    assert pieces[0].size == length
    assert [path.name for path in tmp_path.iterdir()] == ["body"]
    (_, _, block), _ = records(joined(pieces))
    assert block == HEAD + body


def test_what_is_compressed_already_is_not_compressed_again() -> None:
    body = os.urandom(100_000)
    data = joined(exchange_records(exchange(in_memory(body)), "/nowhere")[0])
    assert body[40_000:50_000] in data
    assert records(data)[0][2] == HEAD + body
    text = b"some text, " * 10_000
    assert len(joined(exchange_records(exchange(in_memory(text)), "/nowhere")[0])) < 2000


def test_a_body_that_another_record_has_is_only_referred_to() -> None:
    original = Original("http://h/other", warc_date(AT - 5))
    (kind, said, block), _ = records(
        joined(exchange_records(exchange(in_memory(b"hello"), original=original), "/nowhere")[0])
    )
    assert (kind, block) == ("revisit", HEAD)
    assert said["WARC-Refers-To-Target-URI"] == "http://h/other"
    assert said["WARC-Refers-To-Date"] == "2023-11-14T22:13:15.250000Z"
    assert said["WARC-Payload-Digest"] == "sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N"
    assert said["WARC-Profile"].endswith("/warc/1.1/revisit/identical-payload-digest")


def test_a_body_that_was_cut_off_says_so() -> None:
    made = exchange(in_memory(b"hel"), cut_by="disconnect")
    (_, said, _), _ = records(joined(exchange_records(made, "/nowhere")[0]))
    assert said["WARC-Truncated"] == "disconnect"


def test_a_file_says_first_who_has_written_it() -> None:
    ((kind, said, block),) = records(info_record("crawl-00000.warc.gz", AT))
    assert (kind, said["WARC-Filename"]) == ("warcinfo", "crawl-00000.warc.gz")
    assert block.startswith(b"software: pyfetch/")
    assert b"\r\nformat: WARC File Format 1.1\r\n" in block


@given(st.binary(max_size=2000), st.booleans())
def test_any_body_is_read_back(body: bytes, moved: bool) -> None:
    """Also where its record is at another place than it was."""
    before = info_record("x", AT) + joined(
        exchange_records(exchange(in_memory(b"another")), "/nowhere")[0]
    )
    made = exchange(in_memory(body))
    file = io.BytesIO(before + joined(exchange_records(made, "/nowhere")[0]))
    offset = 7 if moved else len(before)
    assert b"".join(read_payload(file, made.sha1, offset)) == body


def test_what_is_not_there_is_not_read() -> None:
    file = io.BytesIO(info_record("x", AT))
    with pytest.raises(ValueError, match="no record"):
        list(read_payload(file, "A" * 32, 0))


def test_records_are_whole_or_not(tmp_path: Path) -> None:
    pieces, _ = exchange_records(exchange(in_memory(os.urandom(300_000))), "/nowhere")
    data = info_record("x", AT) + joined(pieces)
    place = tmp_path / "x.warc.gz"
    damaged = bytearray(data)
    damaged[100_000] ^= 1
    for written, whole in ((data, True), (data[:-1], False), (bytes(damaged), False)):
        place.write_bytes(written)
        with place.open("rb") as file:
            assert are_whole(file, 0, len(data)) is whole
            assert not are_whole(file, 0, len(data) - 100)
            assert not are_whole(file, 1, len(data))
