"""The encoding of a text that was fetched."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_encoding(content: bytes, content_type: str | None) -> str:
    """By the byte order mark, else by the charset of a media type, else UTF-8."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    from email.message import Message

    message = Message()
    message["Content-Type"] = content_type or ""
    return message.get_content_charset() or "utf-8"
