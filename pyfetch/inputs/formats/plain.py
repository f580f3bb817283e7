"""Plain lists, a file a line: `URL[⇥URL…] [key=value…]`, the words quoted as in a shell.

The URL is never parsed as a shell would: it ends at the first white space.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pyfetch.inputs.record import KEYS, BadRecord, Found, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import BOM, MAX_LINE, Content, Line, numbered_lines
from pyfetch.urls import is_url, shown_of_split

_SPACES = re.compile(r"([ \t\v\f\r]+)")
_HOW = (
    f"after the URL there may be key=value, with the keys {', '.join(sorted(KEYS))};"
    " quote a value that has spaces; in a URL a space is %20; mirrors follow after a tab"
)


def read_plain(content: Content) -> Iterator[Found]:
    """A record for each line that is no comment and not blank, without looking further."""
    for line in numbered_lines(content):
        record = _record(line)
        if record:
            raw = line.content
            if line.too_long:
                raw = f"# line {line.number} was longer than {MAX_LINE} bytes".encode()
            yield Found(record, line.number, raw)


def _record(line: Line) -> Record | BadRecord | None:
    if not line.too_long:
        return parse(line.content)
    return None if line.content == b"#" else BadRecord(f"longer than {MAX_LINE} bytes")


def parse(line: bytes) -> Record | BadRecord | None:
    """What a line says; None if it is blank or a comment."""
    line = line.removeprefix(BOM).strip()
    if not line or line.startswith(b"#"):
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        shown = _SPACES.split(line.decode(errors="backslashreplace"), maxsplit=1)[0]
        return BadRecord("not UTF-8", shown)
    url, *rest = _SPACES.split(text, maxsplit=1)
    if not rest and "#" not in url:
        return Record((url,))
    draft = RecordBuilder([url])
    try:
        for word in _words(_without_mirrors("".join(rest), draft)):
            key, equals, value = word.partition("=")
            if not equals or key not in KEYS:
                raise Refused(_HOW)
            draft.add(key, value)
        return draft.record()
    except Refused as error:
        return BadRecord(str(error), shown_of_split(url, "".join(rest)))


def _without_mirrors(rest: str, draft: RecordBuilder) -> str:
    """What is left when the URLs that follow a tab are taken from the front."""
    while rest:
        _, spaces, after = _SPACES.split(rest, maxsplit=1)
        url = _SPACES.split(after, maxsplit=1)[0]
        if "\t" not in spaces or not is_url(url):
            break
        draft.urls.append(url)
        rest = after[len(url) :]
    return rest


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise Refused(f"a quote is not closed: {_HOW}") from None


def render(record: Record) -> bytes | None:
    """The line that says the same, but for size and input; None if no line can."""
    words = []
    if record.out is not None:
        words.append(shlex.quote(f"out={record.out}"))
    if record.checksum and RecordBuilder(record.urls).record().checksum != record.checksum:
        words.append(str(record.checksum))
    words += [shlex.quote(f"header={name}: {value}") for name, value in record.headers]
    text = " ".join(["\t".join(record.urls), *words])
    same = Record(record.urls, record.out, record.checksum, headers=record.headers)
    try:
        line = text.encode()
    except UnicodeEncodeError:
        return None
    return line if b"\n" not in line and len(line) <= MAX_LINE and parse(line) == same else None
