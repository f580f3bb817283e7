"""Makes records of a WARC file (ISO 28500), each a gzip member, by `warcio`."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import tempfile
import uuid
import zlib
from base64 import b32encode
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pyfetch import __version__
from pyfetch.http.response import RawHeads
from pyfetch.http.trace import without_secrets
from pyfetch.storage.packs.pack_format import FileSlice, MemberBody, Piece

_VERSION = "1.1"
_LEVEL = 6
"""How hard records are compressed, as by `gzip` itself."""
_NOT_AT_ALL = 0
_SAMPLE = 16 * 1024
"""Bytes of a body by which it is seen whether it shrinks."""
_RESPONSE, _REQUEST = (f"application/http; msgtype={kind}" for kind in ("response", "request"))
_SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_TRANSFER_ENCODING = re.compile(rb"(?im)^(transfer-encoding[ \t]*:)")


class Original(NamedTuple):
    """The record that has a payload to which others refer."""

    url: str
    date: str


class ArchivedExchange(NamedTuple):
    """A request and its response, to be two records."""

    url: str
    """What was requested: without credentials and fragment."""
    heads: RawHeads
    body: MemberBody
    sha1: str
    """Of the body, in base 32."""
    original: Original | None = None
    """The record that has this body already; None: the body is written."""
    cut_by: str | None = None
    """Why the body is not whole, as WARC names it; None: it is."""

    @property
    def date(self) -> str:
        """When the request was sent."""
        return warc_date(self.heads.sent_at)


def warc_date(seconds: float) -> str:
    """A time since the epoch as WARC has it."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def sha1_of(blocks: Iterable[bytes | bytearray]) -> str:
    """A digest as WARC has it: in base 32."""
    digest = hashlib.sha1(usedforsecurity=False)
    for block in blocks:
        digest.update(block)
    return b32encode(digest.digest()).decode()


def info_record(name: str, seconds: float) -> bytes:
    """The record with which the file of this name begins: who has written it, and how."""
    said = {
        "software": f"pyfetch/{__version__}",
        "format": f"WARC File Format {_VERSION}",
        "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/"
        "warc-1.1/",
    }
    block = "".join(f"{key}: {value}\r\n" for key, value in said.items()).encode()
    fields = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Record-ID", _new_id()),
        ("WARC-Filename", name),
        ("WARC-Date", warc_date(seconds)),
    ]
    record = _RecordInMemory()
    _write(record, fields, "application/warc-fields", b"", MemberBody(len(block), block))
    return record.data()


def exchange_records(exchange: ArchivedExchange, directory: str) -> tuple[list[Piece], int]:
    """The records of a response and of its request, and the length of the first one, in bytes.

    That of a large body is in an open file in `directory`, which has no name. Raises `OSError`.
    """
    in_file = exchange.body.data is None and exchange.original is None
    level = _LEVEL if exchange.original or _shrinks(exchange.body) else _NOT_AT_ALL
    response = _RecordInFile(level, directory) if in_file else _RecordInMemory(level)
    response_id = _new_id()
    _write_response(response, response_id, exchange)
    request = _RecordInMemory()
    _write_request(request, response_id, exchange)
    return [response.piece(), request.piece()], response.size


def _write_response(out: _RecordInMemory, record_id: str, exchange: ArchivedExchange) -> None:
    head, original = _as_kept(exchange.heads.response), exchange.original
    fields = [
        ("WARC-Type", "revisit" if original else "response"),
        ("WARC-Record-ID", record_id),
        ("WARC-Date", exchange.date),
        ("WARC-Target-URI", exchange.url),
        ("WARC-Payload-Digest", f"sha1:{exchange.sha1}"),
    ]
    if exchange.heads.address:
        fields.append(("WARC-IP-Address", exchange.heads.address))
    if exchange.cut_by:
        fields.append(("WARC-Truncated", exchange.cut_by))
    body = exchange.body
    if original:
        fields += [
            ("WARC-Profile", _SAME_PAYLOAD),
            ("WARC-Refers-To-Target-URI", original.url),
            ("WARC-Refers-To-Date", original.date),
        ]
        body = MemberBody(0, b"")
    _write(out, fields, _RESPONSE, head, body)


def _write_request(out: _RecordInMemory, response_id: str, exchange: ArchivedExchange) -> None:
    fields = [
        ("WARC-Type", "request"),
        ("WARC-Record-ID", _new_id()),
        ("WARC-Date", exchange.date),
        ("WARC-Target-URI", exchange.url),
        ("WARC-Concurrent-To", response_id),
    ]
    _write(out, fields, _REQUEST, without_secrets(exchange.heads.request), MemberBody(0, b""))


def _write(
    out: _RecordInMemory,
    fields: list[tuple[str, str]],
    content_type: str,
    head: bytes,
    body: MemberBody,
) -> None:
    fields.append(("WARC-Block-Digest", f"sha1:{sha1_of(chain([head], body.blocks()))}"))
    record = ArcWarcRecord(
        "warc",
        fields[0][1],
        StatusAndHeaders("", fields, protocol=f"WARC/{_VERSION}"),
        _ReadOnce(body),
        _RawHead(head) if head else None,
        content_type,
        body.size,
    )
    record.payload_length = body.size
    WARCWriter(out, gzip=False, warc_version=_VERSION).write_record(record)


def _shrinks(body: MemberBody) -> bool:
    """Whether a body is to be compressed.

    Images and archives are compressed already: to try that again, and hardly gain a byte, would
    take five times the CPU time of all else that is done for a large one.
    """
    if body.size < _SAMPLE:
        return True
    sample = next(body.blocks())[:_SAMPLE]
    return len(zlib.compress(sample, 1)) < _SAMPLE * 0.97


def _new_id() -> str:
    return f"<urn:uuid:{uuid.uuid4()}>"


def _as_kept(head: bytes) -> bytes:
    """The head of a response, as it came but for the transfer coding, which the body has not.

    Without another name of that field, readers would take the body for chunks.
    """
    return re.sub(_TRANSFER_ENCODING, rb"X-Orig-\1", head)


class _RawHead:
    """A head for `warcio`, which would otherwise write it anew from its fields."""

    def __init__(self, head: bytes) -> None:
        self.headers_buff = head

    def compute_headers_buffer(self, _filter: object = None) -> None:
        """Do nothing: the head is there already."""


class _ReadOnce:
    """A body for `warcio`, which reads it once."""

    def __init__(self, body: MemberBody) -> None:
        self._blocks = body.blocks()

    def read(self, _size: int) -> bytes | bytearray:
        """The next block, of whatever length; none at the end."""
        return next(self._blocks, b"")


class _RecordInMemory:
    """Compresses a record as it is written: one gzip member, in memory."""

    def __init__(self, level: int = _LEVEL) -> None:
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS + 16)
        self._written: list[bytes] = []
        self.size = 0
        """Bytes of the record, once it has ended."""

    def write(self, data: bytes | bytearray) -> None:
        """Take a piece of the record."""
        self._keep(self._compressor.compress(data))

    def flush(self) -> None:
        """End the record."""
        self._keep(self._compressor.flush())

    def _keep(self, data: bytes) -> None:
        if data:
            self._written.append(data)
            self.size += len(data)

    def data(self) -> bytes:
        """All of it."""
        return b"".join(self._written)

    def piece(self) -> Piece:
        """All of it, to be written to a file."""
        return self.data()


class _RecordInFile(_RecordInMemory):
    """The same in a file without a name, for large ones."""

    def __init__(self, level: int, directory: str) -> None:
        super().__init__(level)
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - `__del__` closes it

    def __del__(self) -> None:
        with contextlib.suppress(OSError):  # what was not written is of no use then
            self._file.close()

    def piece(self) -> Piece:
        self._file.flush()
        return FileSlice(_OpenFile(os.dup(self._file.fileno())), self.size)

    def _keep(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)


class _OpenFile(io.FileIO):
    """A file that is closed as soon as nobody needs it."""

    def __del__(self) -> None:
        self.close()
