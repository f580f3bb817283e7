"""The file name in a `Content-Disposition` field (RFC 6266), not yet made safe.

Many servers break the syntax. So a value without quotes may contain anything but a quote, and
ends at a semicolon; the type may be missing; and the first of two values counts. An ambiguous
field gives no name: the name in the URL is better than a part of a name.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_LONGEST = 64 * 1024

# The quantifiers are possessive, so that matching takes linear time.
_ITEM = r'(?s)(?:[^;"]++|"(?:[^"\\]++|\\.)*+")*+(?=;|\Z)'
# Other text may follow the quoted string, unless it looks as if the name contained quotes that are
# not escaped: `"the "best" of.pdf"`.
_QUOTED = r'(?s)"((?:[^"\\]++|\\.)*+)"(?:[ \t,].*+|[^"]*+)'
_ESCAPED = r"(?s)\\(.)"
# Two fields of the same name are joined by a comma (RFC 9110, section 5.3).
_NEXT_FIELD = r"(?i),[ \t]*+(?:(?:attachment|inline)[ \t]*+(?:,|\Z)|filename\*?[ \t]*+=)"
_STRAY_PERCENT = r"%(?![0-9A-Fa-f]{2})"
_C1_CONTROL = r"[\x80-\x9f]"
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "iso-8859-1": "latin-1", "us-ascii": "ascii"}


def file_name_given(field: str | None) -> str | None:
    """The last path segment of `filename*`, else of `filename` (RFC 6266, section 4.3).

    `field`: the value, decoded as Latin-1. Returns None if it has no name, or one that is blank,
    `.` or `..`. Never raises an exception.

    Percent escapes in `filename` and the encoded words of RFC 2047 are not decoded (RFC 6266,
    appendix C): some servers use them, but they may also be part of the name. Continuations
    (`filename*0`) are not part of HTTP (RFC 8187, section 3.1).
    """
    if field is None or len(field) > _LONGEST:
        return None
    values = _values(field)
    return _last_segment(_extended(values.get("filename*", ""))) or _last_segment(
        _as_utf_8_if_it_is(values.get("filename", ""))
    )


def _values(field: str) -> dict[str, str]:
    """The parameters by name, in lower case, up to an opening quote that is never closed."""
    values: dict[str, str] = {}
    start, items = 0, re.compile(_ITEM)
    while start <= len(field) and (item := items.match(field, start)):
        name, equals, text = item.group().partition("=")
        value = _value(text.strip(" \t")) if equals else None
        if value is not None:
            values.setdefault(name.strip(" \t").lower(), value)
        start = item.end() + 1
    return values


def _value(text: str) -> str | None:
    if quoted := re.fullmatch(_QUOTED, text):
        return re.sub(_ESCAPED, r"\1", quoted.group(1))
    if '"' in text:
        return None
    next_field = re.search(_NEXT_FIELD, text)
    return text[: next_field.start()] if next_field else text


def _extended(value: str) -> str:
    """Decode an ext-value (RFC 8187, section 3.2); empty if it is not valid.

    Characters that should be escaped and are not are accepted. With any other mistake, the name
    would be a guess.
    """
    charset, _, rest = value.partition("'")
    encoded = rest.partition("'")[2]  # after the language
    codec = _CHARSETS.get(charset.lower())
    if not codec or re.search(_STRAY_PERCENT, encoded):
        return ""
    try:
        decoded = unquote_to_bytes(encoded.encode("latin-1")).decode(codec)
    except UnicodeError:
        return ""
    # No name has these characters: the charset in the field is wrong.
    return "" if codec == "latin-1" and re.search(_C1_CONTROL, decoded) else decoded


def _as_utf_8_if_it_is(value: str) -> str:
    """The text, read as UTF-8, which most servers send; else as Latin-1, as the RFC says."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _last_segment(name: str) -> str | None:
    segment = name.replace("\\", "/").rpartition("/")[2]
    return None if segment.strip() in {"", ".", ".."} else segment
