"""Lists of URLs in every format, and a folder to read them from."""

from __future__ import annotations

import contextlib
import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyfetch.errors import UsageError
from pyfetch.inputs import InputFormat, Sources
from pyfetch.models import Entry

FORMATS = [chosen for chosen in InputFormat if chosen is not InputFormat.AUTO]

EACH = {
    InputFormat.LINES: "http://h/a\nhttp://h/b\n",
    InputFormat.ARIA2: "http://h/a\n out=a\nhttp://h/b\n out=b\n",
    InputFormat.CSV: "url,n\nhttp://h/a,1\nhttp://h/b,2\n",
    InputFormat.TSV: "url\tn\nhttp://h/a\t1\nhttp://h/b\t2\n",
    InputFormat.JSONL: '{"url":"http://h/a"}\n{"url":"http://h/b"}\n',
    InputFormat.JSON: '[\n{"url":"http://h/a"},\n"http://h/b"\n]\n',
    InputFormat.CHECKSUMS: f"{'a' * 64}  a\n{'b' * 64} *b\n",
    InputFormat.SITEMAP: "<urlset><url><loc>http://h/a</loc></url>\n"
    "<url><loc>http://h/b</loc></url></urlset>",
    InputFormat.METALINK: "<metalink><file name='a'><url>http://h/a</url></file>\n"
    "<file name='b'><url>http://h/b</url></file></metalink>",
}
"""Two records of each format."""


Hostile = Callable[[int], bytes]

HOSTILE: dict[str, Hostile] = {
    "mirrors": lambda size: b"http://h/" + b"\thttp://h/" * (size // 10),
    "words": lambda size: b"http://h/ " + b"out=a " * (size // 6),
    "slashes": lambda size: b"@" + b"/" * size,
    "schemes": lambda size: b"//" * (size // 2) + b"@",
    "brackets": lambda size: b"[" * size,
    "strings": lambda size: b'["' + b"\\\\" * (size * 6),
    "quotes": lambda size: b"url,out\n" + b'x,"\n' * (size // 4),
    "tags": lambda size: b"<urlset>" + b"<url>" * (size // 5),
    "comments": lambda size: b"<!--" * (size // 4),
    "headings": lambda size: b'"' * (size // 2) + b"," * (size // 2),
    "options": lambda size: b"http://h/\n" + b" out=a\n" * (size // 7),
    "hex": lambda size: b"a" * size,
    "signatures": lambda size: b"http://h/?" + b"sig=&" * (size // 5),
    "tiny members": lambda size: gzip.compress(b"x", mtime=0) * (size // 3),
}
"""By name, about so many bytes that are hard to read."""


def long_list(chosen: InputFormat, number: int) -> str:
    """A list of so many records."""
    lines = EACH[chosen].splitlines(keepends=True)
    half = len(lines) // 2 if chosen is InputFormat.ARIA2 else 1
    match chosen:
        case InputFormat.SITEMAP:
            return "<urlset>" + "<url><loc>http://h/a</loc></url>\n" * number + "</urlset>"
        case InputFormat.METALINK:
            record = "<file name='a'><url>http://h/a</url></file>\n"
            return f"<metalink>{record * number}</metalink>"
        case InputFormat.JSON:
            return "[" + ",\n".join(['"http://h/a"'] * number) + "]"
        case InputFormat.CSV | InputFormat.TSV:
            return lines[0] + lines[1] * number
        case _:
            return "".join(lines[:half]) * number


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def sources(self, content: bytes | str, name: str = "list", **options: Any) -> Sources:
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        data = path.read_bytes()
        with contextlib.suppress(zlib.error):
            data = zlib.decompressobj(31).decompress(data, 100)
        is_chosen = options.get("input_format") is InputFormat.CHECKSUMS
        if is_chosen or re.match(rb"[0-9a-f]{32}", data):
            options.setdefault("base", "http://h/")
        return Sources([str(path)], **options)

    def read(self, content: bytes | str, name: str = "list", **options: Any) -> list[Entry]:
        return list(self.sources(content, name, **options))

    def one(self, content: bytes | str, name: str = "list", **options: Any) -> Entry:
        (entry,) = self.read(content, name, **options)
        return entry

    def rendered(self, content: bytes | str, name: str = "list") -> list[str]:
        """The lines that are written for the records of a list."""
        sources = self.sources(content, name, keep_lines=True)
        return [sources.line_of(entry.index).decode() for entry in sources]

    def again(self, content: bytes | str, name: str = "list", **options: Any) -> list[Entry]:
        """The entries of the list that `--failed-to` writes where all records fail."""
        sources = self.sources(content, name, keep_lines=True, **options)
        lines = [sources.line_of(entry.index) for entry in sources]
        before = sources.before_lines(lines[0], "failed") if lines else b""
        return self.read(before + b"".join(line + b"\n" for line in lines), "failed", **options)


def reading(folder: Folder, content: Hostile, chosen: InputFormat) -> Callable[[int], None]:
    """Reads so many bytes of this content as a list of this format."""

    def read(size: int) -> None:
        with contextlib.suppress(UsageError):
            list(
                folder.sources(
                    content(size), input_format=chosen, keep_lines=True, base="http://h/"
                )
            )

    return read
