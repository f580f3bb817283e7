"""Fields of a request as people write them: `Name: value` (RFC 9110, section 5)."""

from __future__ import annotations

_NO_TOKEN = frozenset(' "(),/:;<=>?@[\\]{}')


def parse_header(text: str) -> tuple[str, str]:
    """Name and value of a field. Raises `ValueError`, whose text does not say the value.

    A value may be a secret, so it is not shown even where it is wrong.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not (colon and name and name.isascii() and name.isprintable()) or set(name) & _NO_TOKEN:
        raise ValueError("no header (write it as 'Name: value')")
    if not (value.isprintable() and value.isascii()):
        raise ValueError(f"the value of {name} has characters that no header may have")
    return name, value
