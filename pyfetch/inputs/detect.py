"""Which format a list has: what its first block says, or else the name of its file."""

from __future__ import annotations

import csv
import re
from pathlib import PurePath

from pyfetch.inputs.stream import BOM, MAX_RECORD, Content
from pyfetch.settings import InputFormat
from pyfetch.urls import is_url

_BY_SUFFIX = {
    ".csv": InputFormat.CSV,
    ".tsv": InputFormat.TSV,
    ".jsonl": InputFormat.JSONL,
    ".ndjson": InputFormat.JSONL,
    ".aria2": InputFormat.ARIA2,
    ".meta4": InputFormat.METALINK,
    ".metalink": InputFormat.METALINK,
    ".xml": InputFormat.SITEMAP,
}
_OPTION = re.compile(rb"[ \t]+[a-z][a-z0-9-]*=")
# Possessive, so that a hostile beginning is scanned once.
_BEFORE_ROOT = re.compile(rb"(?:\s++|<\?(?>.*?\?>)|<!--(?>.*?-->))*+", re.DOTALL)
_ROOT = re.compile(rb"<(?:[^\s<>/:]*:)?([^\s<>/:]+)[\s/>]")


def format_of(content: Content, name: str) -> InputFormat:
    """The format of a source; no more of it is waited for than says what it is."""
    beginning = content.look()
    while _is_xml(beginning) and not _has_root(beginning) and len(beginning) < MAX_RECORD:
        more = content.look()
        if len(more) == len(beginning):
            break
        beginning = more
    return detect(beginning, name)


def detect(beginning: bytes, name: str) -> InputFormat:
    """The format of what begins so, in a file of this name."""
    named = _BY_SUFFIX.get(PurePath(name.lower().removesuffix(".gz")).suffix)
    beginning = beginning.removeprefix(BOM)
    if _is_xml(beginning):
        return InputFormat.METALINK if _root(beginning) == b"metalink" else InputFormat.SITEMAP
    lines = [line for line in beginning.split(b"\n", 100) if line.strip()]
    if lines and (delimited := _delimited(lines[0], named)):
        return delimited
    if beginning.lstrip()[:1] in (b"{", b'"'):
        return InputFormat.JSONL
    if not lines or not _is_plain(lines[0]):
        return named or InputFormat.LINES
    said = [line for line in lines if not line.lstrip().startswith(b"#")]
    options_follow = len(said) > 1 and _OPTION.match(said[1]) and not _OPTION.match(said[0])
    is_aria2 = options_follow or named is InputFormat.ARIA2
    return InputFormat.ARIA2 if is_aria2 else InputFormat.LINES


def _is_plain(line: bytes) -> bool:
    """Whether it is a URL or a comment, as the first line of no other format can be."""
    line = line.strip()
    return line.startswith(b"#") or is_url(line.decode(errors="replace"))


def _delimited(line: bytes, named: InputFormat | None) -> InputFormat | None:
    """What a line of column names speaks for, if it is one; a lone column has no delimiter."""
    if _is_plain(line):
        return None
    for delimiter, found in (("\t", InputFormat.TSV), (",", InputFormat.CSV)):
        try:
            fields = next(csv.reader([line.decode(errors="replace")], delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
        if "url" in [column.strip().lower() for column in fields]:
            return named if len(fields) == 1 and named is InputFormat.CSV else found
    return None


def _is_xml(beginning: bytes) -> bool:
    return beginning.removeprefix(BOM).lstrip().startswith(b"<")


def _root(beginning: bytes) -> bytes | None:
    before = _BEFORE_ROOT.match(beginning)
    root = _ROOT.match(beginning, before.end() if before else 0)
    return root.group(1) if root else None


def _has_root(beginning: bytes) -> bool:
    """Whether the root has been seen, or that there will be none that may be read."""
    beginning = beginning.removeprefix(BOM)
    before = _BEFORE_ROOT.match(beginning)
    rest = beginning[before.end() if before else 0 :]
    return _ROOT.match(rest) is not None or rest.startswith(b"<!D")
