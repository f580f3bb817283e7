"""Detects the format of a list from its beginning, or else from the name of its file."""

from __future__ import annotations

import csv
import re
from pathlib import PurePath

from pyfetch.inputs.columns import BY_NAME, Columns
from pyfetch.inputs.decoding import UTF_8_MARK
from pyfetch.inputs.stream import MAX_LINE, MAX_RECORD, Content, declared
from pyfetch.settings import InputFormat
from pyfetch.urls import is_url

_BY_SUFFIX = {
    ".csv": InputFormat.CSV,
    ".tsv": InputFormat.TSV,
    ".json": InputFormat.JSON,
    ".jsonl": InputFormat.JSONL,
    ".ndjson": InputFormat.JSONL,
    ".aria2": InputFormat.ARIA2,
    ".meta4": InputFormat.METALINK,
    ".metalink": InputFormat.METALINK,
    ".xml": InputFormat.SITEMAP,
}
_OPTION = rb"[ \t]+[a-z][a-z0-9-]*="
# Possessive, so that even a hostile beginning is scanned only once.
_BEFORE_ROOT = rb"(?s)(?:\s++|<\?(?>.*?\?>)|<!--(?>.*?-->))*+"
_ROOT = rb"<(?:[^\s<>/:]*:)?([^\s<>/:]+)[\s/>]"
_DOCUMENT_TYPE = rb"(?i)<!doctype\b"
_PAGE = rb"(?i)<!doctype\s+html\b"


def format_of(
    content: Content, name: str, wanted: InputFormat, columns: Columns = BY_NAME
) -> InputFormat:
    """Return the format of a source. Reads no further ahead than it must.

    `wanted`, and which of the `columns` holds the URL, is what the user says. Only the first line
    that `--failed-to` writes says more; it is no part of the content from then on.
    """
    beginning = _beginning(content)
    by_itself = declared(beginning)
    if by_itself in list(InputFormat):
        content.blank_first_line()
        return InputFormat(by_itself)
    return detect(beginning, name, columns) if wanted is InputFormat.AUTO else wanted


def detect(beginning: bytes, name: str, columns: Columns = BY_NAME) -> InputFormat:
    """Return the format of a list that begins like this, in a file of this name."""
    beginning = beginning.removeprefix(UTF_8_MARK)
    by_itself = declared(beginning)
    if by_itself in list(InputFormat):
        return InputFormat(by_itself)
    named = _BY_SUFFIX.get(PurePath(name.lower().removesuffix(".gz")).suffix)
    if _is_xml(beginning):
        return InputFormat.METALINK if _root(beginning) == b"metalink" else InputFormat.SITEMAP
    lines = [line for line in beginning.split(b"\n", 100) if line.strip()]
    first = beginning.lstrip()[:1]
    is_table = named in (InputFormat.CSV, InputFormat.TSV) if first == b'"' else first not in b"[{"
    if columns.url is not None and is_table:
        return _table(lines, named, columns)
    if lines and not _is_plain(lines[0]) and (table := _delimited(lines[0], named, columns)):
        return table
    if first == b"[":
        return InputFormat.JSON
    if first in (b"{", b'"'):
        return InputFormat.JSONL
    if _is_of_checksums(lines):
        return InputFormat.CHECKSUMS
    if not lines or not _is_plain(lines[0]):
        return named or InputFormat.LINES
    if is_like_aria2(lines) or named is InputFormat.ARIA2:
        return InputFormat.ARIA2
    return InputFormat.LINES


def is_page(beginning: bytes) -> bool:
    """Whether it is a page of HTML, which no list is."""
    rest = _from_root(beginning)
    root = re.match(_ROOT, rest)
    return (root is not None and root[1].lower() == b"html") or re.match(_PAGE, rest) is not None


def delimiter_of(heading: bytes, columns: Columns = BY_NAME) -> str | None:
    """Return what separates the columns in the first line of a table; empty if there is only one.

    None if no column is that of the URLs.
    """
    alone = None
    for delimiter in ("\t", ",", ";"):
        try:
            fields = next(csv.reader([heading.decode(errors="replace")], delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
        if columns.place_of_url(fields) is None:
            continue
        if len(fields) > 1:
            return delimiter
        alone = ""
    return alone


def is_like_aria2(lines: list[bytes]) -> bool:
    """Whether an indented option follows the first URL."""
    said = _without_comments(lines)
    return len(said) > 1 and looks_like_an_option(said[1]) and not looks_like_an_option(said[0])


def looks_like_an_option(line: bytes) -> bool:
    """Whether a line may be taken for an aria2 option of the line before it."""
    return line.startswith((b" ", b"\t")) and re.match(_OPTION, line) is not None


def _without_comments(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if not line.lstrip().startswith(b"#")]


def _beginning(content: Content) -> bytes:
    beginning = content.beginning
    while _says_too_little(beginning):
        more = content.look()
        if len(more) == len(beginning):
            break
        beginning = more
    return beginning


def _says_too_little(beginning: bytes) -> bool:
    if _is_xml(beginning):
        return not _has_root(beginning) and len(beginning) < MAX_RECORD
    return b"\n" not in beginning and beginning[:1] != b"[" and len(beginning) <= MAX_LINE


def _is_plain(line: bytes) -> bool:
    """Whether the line is a URL or a comment, with which no other format can begin."""
    line = line.strip()
    return line.startswith(b"#") or is_url(line.decode(errors="replace"))


def _is_of_checksums(lines: list[bytes]) -> bool:
    first = next(iter(_without_comments(lines)), None)
    if first is None or _is_plain(first):
        return False
    from pyfetch.inputs.formats.checksums import is_checksum_line  # few lists need it

    return is_checksum_line(first)


def _delimited(line: bytes, named: InputFormat | None, columns: Columns) -> InputFormat | None:
    """The format of a table that begins with this line; None if it is no such line."""
    delimiter = delimiter_of(line, columns)
    if delimiter is None:
        return None
    if not delimiter:  # there is only one column
        return named if named is InputFormat.CSV else InputFormat.TSV
    return InputFormat.TSV if delimiter == "\t" else InputFormat.CSV


def _table(lines: list[bytes], named: InputFormat | None, columns: Columns) -> InputFormat:
    """The format of what has columns, as the user says."""
    found = _delimited(lines[0], named, columns) if lines else None
    is_tabbed = bool(lines) and b"\t" in lines[0]
    return found or named or (InputFormat.TSV if is_tabbed else InputFormat.CSV)


def _is_xml(beginning: bytes) -> bool:
    return beginning.removeprefix(UTF_8_MARK).lstrip().startswith(b"<")


def _root(beginning: bytes) -> bytes | None:
    root = re.match(_ROOT, _from_root(beginning))
    return root.group(1) if root else None


def _has_root(beginning: bytes) -> bool:
    """Whether the root element is there, or a document type, which will be refused."""
    rest = _from_root(beginning)
    return re.match(_ROOT, rest) is not None or re.match(_DOCUMENT_TYPE, rest) is not None


def _from_root(beginning: bytes) -> bytes:
    """What follows blanks, comments and instructions of XML."""
    beginning = beginning.removeprefix(UTF_8_MARK)
    before = re.match(_BEFORE_ROOT, beginning)
    return beginning[before.end() if before else 0 :]
