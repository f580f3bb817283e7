"""Reads WARC files: the body of a response, and whether records are whole."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

_BLOCK = 256 * 1024
_GZIP = zlib.MAX_WBITS + 16


def read_payload(file: BinaryIO, sha1: str, offset: int) -> Iterator[bytes]:
    """The body with this digest, of the response whose record begins at `offset`.

    `sha1`: in base 32. A sorted file has its records at other places: then it is looked for.
    Raises `OSError`, and `ValueError` if there is none.
    """
    for start in (offset, 0):
        file.seek(start)
        try:
            for record in ArchiveIterator(file):
                digest = record.rec_headers.get_header("WARC-Payload-Digest")
                if record.rec_type == "response" and digest == f"sha1:{sha1}":
                    while block := record.raw_stream.read(_BLOCK):
                        yield block
                    return
                if start == offset:
                    break
        except (ArchiveLoadFailed, zlib.error):
            continue
    raise ValueError("no record of the WARC file has this body")


def are_whole(file: BinaryIO, start: int, end: int) -> bool:
    """Whether nothing but whole records lies between these places. Raises `OSError`.

    Each is a gzip member, which has a checksum.
    """
    decompressor = None
    at = start
    while block := os.pread(file.fileno(), min(_BLOCK, end - at), at):
        at += len(block)
        while block:
            decompressor = decompressor or zlib.decompressobj(_GZIP)
            try:
                decompressor.decompress(block, _BLOCK)
            except zlib.error:
                return False
            block = decompressor.unconsumed_tail or decompressor.unused_data
            if decompressor.eof:
                decompressor = None
    return at == end and decompressor is None
