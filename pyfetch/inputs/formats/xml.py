"""XML as a stream: the elements directly below the root, each with its direct children.

No tree is built. A document type is refused, as its entities could use up memory and read files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ErrorString

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from pyfetch.inputs.decoding import Unreadable
from pyfetch.inputs.stream import MAX_RECORD, Content

_MOST_NAMES = 1000
_MOST_CHILDREN = 10_000


@dataclass(slots=True)
class Element:
    name: str
    """Without its namespace."""
    attributes: dict[str, str]
    number: int
    """Line on which it begins."""
    text: str = ""
    children: list[Element] = field(default_factory=list)


def elements(content: Content, roots: frozenset[str]) -> Iterator[Element]:
    """Yield the elements directly below a root with one of these names. Raises `Unreadable`."""
    builder = _Builder(roots, lambda: int(expat.CurrentLineNumber))
    # UTF-16 was changed to UTF-8 already, though the declaration may still say UTF-16.
    encoding = "utf-8" if content.beginning and content.is_recoded else None
    parser = DefusedXMLParser(target=builder, forbid_dtd=True, encoding=encoding)
    expat = parser.parser
    fed = end_of_last = 0
    try:
        for block in content:
            fed += len(block)
            parser.feed(block)
            if builder.done:
                end_of_last = fed
            elif fed - end_of_last > MAX_RECORD + len(block):
                raise _Unusable(f"one record is longer than {MAX_RECORD} bytes")
            yield from builder.taken()
        parser.close()
    except Unreadable as error:
        yield from builder.taken()
        error.number = builder.open_since
        raise
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        yield from builder.taken()
        unreadable = Unreadable(_explained(error))
        unreadable.number = builder.open_since or int(expat.ErrorLineNumber)
        raise unreadable from None


class _Unusable(ValueError):  # noqa: N818 (it says what the XML is)
    """XML that is not a list, or too large for one."""


class _Builder:
    """Collects elements from the parser's events."""

    def __init__(self, roots: frozenset[str], line_number: Callable[[], int]) -> None:
        self.done: list[Element] = []
        self._roots = roots
        self._line_number = line_number
        self._open: list[Element | None] = []
        self._text: list[str] = []
        self._names: set[str] = set()

    @property
    def open_since(self) -> int | None:
        """Line on which the incomplete element begins; None if there is none."""
        below = self._open[1] if len(self._open) > 1 else None
        return below.number if below else None

    def taken(self) -> list[Element]:
        done, self.done = self.done, []
        return done

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        # The parser keeps each different name in memory.

        self._names.update((tag, *attributes))
        if len(self._names) > _MOST_NAMES:
            raise _Unusable(f"more than {_MOST_NAMES} different names")
        depth = len(self._open)
        if depth > 2:
            self._open.append(None)
            return
        local = {_local(name): value for name, value in attributes.items()}
        element = Element(_local(tag), local, self._line_number())
        if depth == 0 and element.name not in self._roots:
            raise _Unusable(f"its root element is not <{'> or <'.join(sorted(self._roots))}>")
        parent = self._open[1] if depth == 2 else None
        if parent:
            parent.children.append(element)
            if len(parent.children) > _MOST_CHILDREN:
                raise _Unusable(f"more than {_MOST_CHILDREN} elements in one")
            self._text.clear()
        self._open.append(element)

    def data(self, text: str) -> None:
        if len(self._open) == 3:
            self._text.append(text)

    def end(self, tag: str) -> None:  # noqa: ARG002 (the parser has seen that it fits)
        element = self._open.pop()
        if element and len(self._open) == 2:
            element.text = "".join(self._text)
        elif element and len(self._open) == 1:
            self.done.append(element)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _explained(error: Exception) -> str:
    if isinstance(error, ParseError):
        return f"no well-formed XML ({ErrorString(error.code)})"
    if isinstance(error, DefusedXmlException):
        return "it has a document type, which is refused: it could ask for memory and files"
    return str(error) if isinstance(error, _Unusable) else "its encoding is not known"
