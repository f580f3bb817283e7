"""Headers of tar files (POSIX.1-2017, pax): made from constants, as there is one for each body."""

from __future__ import annotations

MULTIPLE = 512
"""Content is padded to a multiple of so many bytes."""
END = bytes(2 * MULTIPLE)
"""What a tar file ends with."""

_MOST_NAME = 100
_MOST_SIZE = 8**11
_CONSTANT = b"0000644\0000000000\0000000000\0"
"""Mode, user and group: those of whoever unpacks it."""
_REST = bytes(100) + b"ustar\00000" + bytes(32 + 32 + 8 + 8 + 155 + 12)
_FILE, _PAX = b"0", b"x"
_SUM_OF_CONSTANTS = sum(_CONSTANT) + sum(b"ustar\00000") + 8 * ord(" ")


def header(name: str, size: int, modified: float) -> bytes:
    """The header of a file. `size`: in bytes; `modified`: seconds since the epoch.

    A long name, one that is not ASCII or a large size is told in a header of its own (pax).
    """
    encoded = name.encode("utf-8", "surrogateescape")
    is_plain = len(encoded) < _MOST_NAME and name.isascii() and size < _MOST_SIZE
    seconds = max(0, min(int(modified), _MOST_SIZE - 1))
    if is_plain:
        return _header(encoded, size, seconds, _FILE)
    records = _record(b"path", encoded)
    if size >= _MOST_SIZE:
        records += _record(b"size", b"%d" % size)
    padding = bytes(-len(records) % MULTIPLE)
    return b"".join((
        _header(b"PaxHeaders/" + encoded[:80], len(records), seconds, _PAX), records, padding,
        _header(encoded[: _MOST_NAME - 1], min(size, _MOST_SIZE - 1), seconds, _FILE),
    ))  # fmt: skip


def _header(name: bytes, size: int, seconds: int, kind: bytes) -> bytes:
    digits = b"%011o\0%011o\0" % (size, seconds)
    total = _SUM_OF_CONSTANTS + sum(name) + sum(digits) + kind[0]
    return b"".join((
        name.ljust(_MOST_NAME, b"\0"), _CONSTANT, digits, b"%06o\0 " % total, kind, _REST,
    ))  # fmt: skip


def _record(keyword: bytes, value: bytes) -> bytes:
    """A record of a pax header: its own length in decimal digits, keyword and value."""
    rest = b" %s=%s\n" % (keyword, value)
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d%s" % (length, rest)
