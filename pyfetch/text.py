"""What may be shown: text from the network made harmless, with passwords and signatures masked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
"""Shown in place of a user and password, or of a signature."""

# Control characters (C0, C1), Unicode's line ends, marks that change the direction of writing,
# invisible joiners, the byte order mark, and halves of surrogate pairs.
_HARMFUL = "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"

# The patterns below are compiled by `re` at their first use, since most runs use none of them.

# A URL in a text ends at a blank; its authority ends at `/`, `?` or `#` (RFC 3986, section 3.2).
# Only ASCII blanks count: any other space may be part of a password.
_USERINFO = r"(?<=//)[^/?#\x00-\x20]*@"
# A password that begins with digits and contains `/`, `?` or `#` looks like a port and a path.
# Nobody can know which of the two it is. It is taken for a password if the "host" has no dot and
# a host may follow after the `@`, not the version of a package (`cdn:80/pkg@1.2/x`).
_AFTER_PORT = r"(?<=//)(?!localhost:)[^/?#:@.\[\x00-\x20]+:[0-9]*+((?:[^/\x00-\x20]|/(?!/))++)"
_HOST = r"[A-Za-z\[]|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:[:/?#]|\Z)"
_AUTHORITY_ALONE = r"([^/]*//)[^/?#]*\Z"
# Parameters that sign a URL (AWS, Google, CloudFront, Azure, Alibaba and the like), also in a URL
# that is percent-encoded inside another one.
_SIGNATURE = (
    r"(?i)(?:(?<![\w-])|(?<=%3F)|(?<=%26)|(?<=%3f))"
    r"((?:x-(?:amz|goog|oss|obs|tos)-(?:signature|security-token|credential)|q-signature|signature|sig)"
    r"(?:=|%3D))(?:(?!%26|%23)[^&#;,\s\"'<>])+"
)


def escaped(text: str) -> str:
    """The text with an escape for each character that could disturb a terminal or a line.

    These characters move the cursor, end a line, change the direction of writing or are invisible.
    Escapes are those of URLs (RFC 3986, section 2.1): `%XX` for each byte of the character's UTF-8.
    """
    if text.isascii() and text.isprintable():  # the usual case, quickly recognized
        return text
    return re.sub(_HARMFUL, _percent, text)


def on_one_line(text: str) -> str:
    """What a program has printed on several lines, as one: a blank for each run of blank space."""
    return " ".join(text.split())


def printed(output: bytes) -> str:
    """What a program has printed, as text for people on one line."""
    return on_one_line(output.decode(errors="replace"))


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode(errors="surrogatepass"))


def may_hold_credentials(url: str) -> bool:
    """Whether a part that looks like port and path may be a password: `//me:12/secret@host/`."""
    if "@" not in url:
        return False
    return any(_end_of_userinfo(match[1]) is not None for match in re.finditer(_AFTER_PORT, url))


def masked(text: str) -> str:
    """Return the text with `***` for the user, password and signature of each URL in it."""
    if "@" in text:
        text = re.sub(_USERINFO, f"{MASK}@", text)
        text = re.sub(_AFTER_PORT, _without_userinfo, text)
    return masked_signatures(text)


def _without_userinfo(match: re.Match[str]) -> str:
    end = _end_of_userinfo(match[1])
    return match[0] if end is None else MASK + match[1][end:]


def _end_of_userinfo(after_port: str) -> int | None:
    """Index of the `@` that ends user and password; None if this is no password."""
    if after_port[0] == "/":
        within = re.split("[?#]", after_port, maxsplit=1)[0]
    elif after_port[0] in "?#":
        within = after_port.partition("/")[0] if "@" in after_port.partition("/")[0] else ""
    else:
        return None
    at = within.rfind("@")
    if at < 2 or within[at - 1] == "/" or not re.match(_HOST, after_port[at + 1 :]):
        return None
    return at


def masked_signatures(text: str) -> str:
    """Return the text with `***` for each signature in a URL (`X-Amz-Signature=…`, `sig=…`)."""
    # Few texts contain these letters, and looking for them takes hardly any time.
    if "sig" in text or "Sig" in text or "oken" in text or "SIG" in text:
        return re.sub(_SIGNATURE, rf"\1{MASK}", text)
    return text


def masked_value(value: Any) -> Any:
    """Return a JSON value with all texts in it masked, including keys.

    Returns the same object if nothing has to be masked. It must not be nested so deeply that the
    recursion limit could be reached.
    """
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        pairs = [(masked_value(key), masked_value(inner)) for key, inner in value.items()]
        same = all(
            new_key is key and new is inner
            for (new_key, new), (key, inner) in zip(pairs, value.items(), strict=True)
        )
        return value if same else dict(pairs)
    if isinstance(value, list | tuple):
        items = [masked_value(item) for item in value]
        same = all(new is item for new, item in zip(items, value, strict=True))
        return value if same else items
    return value


def shown_of_split(url: str, rest: str) -> str:
    """Return what may be shown of a URL that is separated from `rest` by a blank.

    The blank may be part of a password: then the half before it is not shown.
    """
    half = re.match(_AUTHORITY_ALONE, url)
    return f"{half[1]}{MASK}" if half and "@" in rest else url
