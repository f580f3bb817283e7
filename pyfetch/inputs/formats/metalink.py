"""Metalink 4 (RFC 5854): files with mirrors, size and hashes."""

from __future__ import annotations

from collections.abc import Iterator

from pyfetch.inputs.decoding import Unreadable
from pyfetch.inputs.formats.xml import Element, elements
from pyfetch.inputs.record import (
    ALGORITHMS,
    BadRecord,
    NumberedRecord,
    Record,
    RecordBuilder,
    Refused,
)
from pyfetch.inputs.stream import Content

_ROOTS = frozenset({"metalink"})
_LAST = 1_000_000
_WEB = ("http://", "https://")


def read_metalink(content: Content) -> Iterator[NumberedRecord]:
    """A record for each file. Raises `Unreadable`."""
    for element in elements(content, _ROOTS):
        if element.name == "file":
            yield NumberedRecord(_record(element), element.number)
        elif element.name == "files":
            unreadable = Unreadable("it is of Metalink 3, and only Metalink 4 can be read")
            unreadable.number = element.number
            raise unreadable


def _record(file: Element) -> Record | BadRecord:
    builder = RecordBuilder(_urls(file))
    try:
        builder.add("out", file.attributes.get("name", ""))
        for child in file.children:
            if child.name == "size":
                builder.add("size", child.text)
        hashes = {_algorithm(child): child.text for child in file.children if child.name == "hash"}
        strongest = next((name for name in ALGORITHMS if name in hashes), None)
        if strongest:
            builder.add(strongest, hashes[strongest])
        return builder.record()
    except Refused as error:
        return builder.bad(error)


def _algorithm(element: Element) -> str:
    return element.attributes.get("type", "").lower().replace("-", "")


def _urls(file: Element) -> list[str]:
    """The URLs by priority (section 4.2.16.1), without FTP mirrors if there are others."""
    found = [child for child in file.children if child.name == "url"]
    urls = [child.text.strip() for child in sorted(found, key=_priority)]
    return [url for url in urls if url.lower().startswith(_WEB)] or urls


def _priority(url: Element) -> int:
    text = url.attributes.get("priority", "").strip()
    known = text.isascii() and text.isdigit() and len(text) <= len(str(_LAST))
    return min(int(text), _LAST) if known and int(text) > 0 else _LAST
