"""Lists of checksums, as `sha256sum` and the like write them: `DIGEST  NAME`, `SHA256 (NAME) = …`.

A name is a path, both relative to the base URL (`--base`) and below the output directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from pyfetch.inputs.record import BadRecord, NumberedRecord, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_LINE, Content, Line, numbered_lines

_BY_DIGITS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_GNU = rb"(?s)(\\?)([0-9a-fA-F]{32,128}) [ *](.+)"
_BSD = rb"(\\?)(MD5|SHA1|SHA224|SHA256|SHA384|SHA512) \((.+)\) = ([0-9a-fA-F]+)"
_ESCAPE = rb"\\([\\nr])"
_ESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}


def is_checksum_line(line: bytes) -> bool:
    """Whether a line belongs to such a list, and to no list of another format."""
    line = line.rstrip(b"\r")
    gnu = re.fullmatch(_GNU, line)
    return bool((gnu and len(gnu[2]) in _BY_DIGITS) or re.fullmatch(_BSD, line))


def read_checksums(content: Content) -> Iterator[NumberedRecord]:
    """Yield a record for each line that is neither blank nor a comment."""
    for line in numbered_lines(content):
        if line.too_long or (line.content.strip() and not line.content.startswith(b"#")):
            yield NumberedRecord(_record(line), line.number, line.content)


class ChecksumLine(NamedTuple):
    """What a line says."""

    name: bytes
    """Of the file, without `./` in front."""
    algorithm: str
    """Empty if no algorithm has digests of this length."""
    digest: str


def parse_checksum_line(line: bytes) -> ChecksumLine | None:
    """Take a line apart, without its end; None if it has no checksum and name."""
    gnu, bsd = re.fullmatch(_GNU, line), re.fullmatch(_BSD, line)
    if gnu:
        escaped, digest, name = gnu.groups()
        algorithm = _BY_DIGITS.get(len(digest), "")
    elif bsd:
        escaped, named, name, digest = bsd.groups()
        algorithm = named.decode().lower()
    else:
        return None
    if escaped:
        name = re.sub(_ESCAPE, lambda match: _ESCAPED[match[1]], name)
    while name.startswith(b"./"):
        name = name[2:].lstrip(b"/")
    return ChecksumLine(name, algorithm, digest.decode())


def _record(line: Line) -> Record | BadRecord:
    if line.too_long:
        return BadRecord(f"longer than {MAX_LINE} bytes")
    said = parse_checksum_line(line.content)
    if said is None:
        return BadRecord("no checksum and name, as sha256sum writes them")
    builder = RecordBuilder([quote(said.name, safe="/")])
    try:
        builder.add(said.algorithm or "checksum", said.digest)
        builder.add("out", said.name.decode())
        return builder.record()
    except UnicodeDecodeError:
        return builder.bad("its name is not UTF-8")
    except Refused as error:
        return builder.bad(error)
