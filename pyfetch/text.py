"""Text from the network, made harmless before it is shown."""

from __future__ import annotations

import re

from pyfetch.pattern import pattern

# C0 and C1 controls, Unicode's line ends, bidi marks, embeddings, overrides and isolates,
# invisible joiners and the byte order mark, and half a surrogate pair.
_HARMFUL = pattern(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def escaped(text: str) -> str:
    """The same text with what could move a cursor, end a line or turn it round as `%XX`.

    The escapes are those of a URL (RFC 3986, section 2.1), of the character's UTF-8.
    """
    if text.isascii() and text.isprintable():  # the quick way to know that nothing is to be done
        return text
    return _HARMFUL.sub(_percent, text)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode(errors="surrogatepass"))
