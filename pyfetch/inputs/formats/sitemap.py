"""Sitemaps and their indexes (sitemaps.org): each `loc` is a record."""

from __future__ import annotations

from collections.abc import Iterator

from pyfetch.inputs.formats.xml import Element, elements
from pyfetch.inputs.record import BadRecord, NumberedRecord, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import Content

_ROOTS = frozenset({"urlset", "sitemapindex"})
_RECORDS = frozenset({"url", "sitemap"})


def read_sitemap(content: Content) -> Iterator[NumberedRecord]:
    """A record for each entry. Raises `Unreadable`."""
    for element in elements(content, _ROOTS):
        if element.name in _RECORDS:
            yield NumberedRecord(_record(element), element.number)


def _record(element: Element) -> Record | BadRecord:
    texts = [(child.name, child.text.strip()) for child in element.children]
    builder = RecordBuilder(text for name, text in texts if name == "loc")
    builder.input = {name: text for name, text in texts if name != "loc" and text} or None
    try:
        if len(builder.urls) > 1:
            raise Refused("more than one loc")
        return builder.record()
    except Refused as error:
        return builder.bad(error)
