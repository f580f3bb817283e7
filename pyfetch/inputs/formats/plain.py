"""Plain lists, one file a line: `URL[⇥URL…] [key=value…]`, with options quoted as in a shell.

A URL ends at the first white space; quotes are part of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pyfetch.inputs.decoding import UTF_8_MARK
from pyfetch.inputs.record import KEYS, BadRecord, NumberedRecord, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_LINE, Content, Line, numbered_lines
from pyfetch.text import shown_of_split
from pyfetch.urls import is_url

_SPACES = r"([ \t\v\f\r]+)"
_AFTER_SPACES = r"([ \t\v\f\r]+)([^ \t\v\f\r]+)"
_URL_ALONE = re.compile(rb"[!\"$-~]+")
"""A line without blanks, in ASCII, that is neither a comment nor has a fragment."""
_OPTION = r"[a-z0-9-]+=|['\"]"
_HOW = (
    f"after the URL there may be key=value, with the keys {', '.join(sorted(KEYS))};"
    " quote a value that has spaces; in a URL a space is %20; mirrors follow after a tab"
)
_NO_MIRROR = "after a tab there may be a mirror, which is a URL; a name for the file is out=NAME"


def read_plain(content: Content) -> Iterator[NumberedRecord]:
    """Yield a record for each line that is neither blank nor a comment, as soon as it ends."""
    for line in numbered_lines(content):
        if not line.too_long and _URL_ALONE.fullmatch(line.content):  # as most lines are
            yield NumberedRecord(Record((line.content.decode(),)), line.number, line.content)
            continue
        record = _record(line)
        if record:
            raw = line.content
            if line.too_long:
                raw = f"# line {line.number} was longer than {MAX_LINE} bytes".encode()
            yield NumberedRecord(record, line.number, raw)


def _record(line: Line) -> Record | BadRecord | None:
    if not line.too_long:
        return parse_line(line.content)
    return None if line.content == b"#" else BadRecord(f"longer than {MAX_LINE} bytes")


def parse_line(line: bytes) -> Record | BadRecord | None:
    """Return the record of a line; None if it is blank or a comment."""
    line = line.removeprefix(UTF_8_MARK).strip()
    if not line or line.startswith(b"#"):
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        shown = re.split(_SPACES, line.decode(errors="backslashreplace"), maxsplit=1)[0]
        return BadRecord("not UTF-8", shown)
    if b"#" not in line and len(line.split(None, 1)) == 1:  # the usual case, quickly recognized
        return Record((text,))
    url, *rest = re.split(_SPACES, text, maxsplit=1)
    builder = RecordBuilder([url])
    try:
        for word in _words(_without_mirrors("".join(rest), builder)):
            key, equals, value = word.partition("=")
            if not equals or key not in KEYS:
                raise Refused(_HOW)
            builder.add(key, value)
        return builder.record()
    except Refused as error:
        return BadRecord(str(error), shown_of_split(url, "".join(rest)))


def _without_mirrors(rest: str, builder: RecordBuilder) -> str:
    """Add the URLs that follow tabs, at the beginning, to `builder`. Returns the rest.

    Raises `Refused` if something other than a URL or an option follows a tab.
    """
    position, spaces = 0, re.compile(_AFTER_SPACES)
    while (match := spaces.match(rest, position)) and "\t" in match[1]:
        if not is_url(match[2]):
            if position == 0 and not re.match(_OPTION, match[2]):
                raise Refused(_NO_MIRROR)
            break
        builder.urls.append(match[2])
        position = match.end()
    return rest[position:]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise Refused(f"a quote is not closed: {_HOW}") from None
