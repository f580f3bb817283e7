"""The file name that a `Content-Disposition` field gives (RFC 6266), not yet made safe.

Many senders break the syntax, so a value without quotes may have anything in it but a quote
and ends at a semicolon, the type may be missing, and of two values the first counts. What a
defect makes ambiguous gives no name: the URL's is better than half of one.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_LONGEST = 64 * 1024

# The quantifiers are possessive: none looks at a character twice.
_ITEM = re.compile(r'(?:[^;"]++|"(?:[^"\\]++|\\.)*+")*+(?=;|\Z)', re.DOTALL)
# Behind the string there may be what is no part of it, unless that looks like quotes which
# are the name's own and not escaped: `"the "best" of.pdf"`.
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"(?:[ \t,].*+|[^"]*+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# Two fields of one name come joined by a comma (RFC 9110, section 5.3).
_NEXT_FIELD = re.compile(
    r",[ \t]*+(?:(?:attachment|inline)[ \t]*+(?:,|\Z)|filename\*?[ \t]*+=)", re.IGNORECASE
)
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_C1_CONTROL = re.compile(r"[\x80-\x9f]")
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "iso-8859-1": "latin-1", "us-ascii": "ascii"}


def file_name_given(field: str | None) -> str | None:
    """The last path segment of `filename*`, else of `filename` (RFC 6266, section 4.3).

    The field is as `http.client` gives it, its bytes decoded as Latin-1. None if it gives no
    name, or one that is blank, `.` or `..`; whatever the field, nothing is raised.

    Percent escapes in `filename` and the encoded words of RFC 2047 stay as they are (RFC
    6266, appendix C): some senders and browsers use them, but a name may look so by itself.
    Continuations (`filename*0`) are no part of HTTP (RFC 8187, section 3.1).
    """
    if field is None or len(field) > _LONGEST:
        return None
    values = _values(field)
    return _last_segment(_extended(values.get("filename*", ""))) or _last_segment(
        _as_utf_8_if_it_is(values.get("filename", ""))
    )


def _values(field: str) -> dict[str, str]:
    """The parameters by their names in lower case, as far as the quotes match."""
    values: dict[str, str] = {}
    start = 0
    while start <= len(field) and (item := _ITEM.match(field, start)):
        name, equals, text = item.group().partition("=")
        value = _value(text.strip(" \t")) if equals else None
        if value is not None:
            values.setdefault(name.strip(" \t").lower(), value)
        start = item.end() + 1
    return values


def _value(text: str) -> str | None:
    if quoted := _QUOTED.fullmatch(text):
        return _ESCAPED.sub(r"\1", quoted.group(1))
    if '"' in text:
        return None
    next_field = _NEXT_FIELD.search(text)
    return text[: next_field.start()] if next_field else text


def _extended(value: str) -> str:
    """An ext-value (RFC 8187, section 3.2) decoded; empty if it is none.

    Characters that should be escaped and are not do no harm; anything else that is wrong
    leaves the name in doubt.
    """
    charset, _, rest = value.partition("'")
    encoded = rest.partition("'")[2]  # behind the language
    codec = _CHARSETS.get(charset.lower())
    if not codec or _STRAY_PERCENT.search(encoded):
        return ""
    try:
        decoded = unquote_to_bytes(encoded.encode("latin-1")).decode(codec)
    except UnicodeError:
        return ""
    # No name has these: the charset is not the one that was used.
    return "" if codec == "latin-1" and _C1_CONTROL.search(decoded) else decoded


def _as_utf_8_if_it_is(value: str) -> str:
    """Most senders of bytes beyond ASCII mean UTF-8, as browsers know; the RFC has Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _last_segment(name: str) -> str | None:
    segment = name.replace("\\", "/").rpartition("/")[2]
    return None if segment.strip() in {"", ".", ".."} else segment
