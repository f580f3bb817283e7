"""URL → the name of a file: one path component that is safe on every file system.

Nothing from the network becomes a path but through `file_name`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NewType
from urllib.parse import unquote_to_bytes, urlsplit

PathComponent = NewType("PathComponent", str)
"""A name that has been made safe: no separator, at most 255 bytes, not `.` or `..`."""

DEFAULT_NAME = "index.html"
"""For a URL whose path ends in a slash."""

_MAX_BYTES = 255
_MAX_EXTENSION = 32
_TAG_DIGITS = 8
# Separators and what Windows refuses (Naming Files, Paths, and Namespaces).
_RESERVED = re.compile(r'[<>:"/\\|?*]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
# Unicode's categories for control, format (with the bidi overrides), surrogate, private
# use and unassigned characters, and for line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def file_name(url: str) -> PathComponent:
    """The name of the file that a URL is saved to: the last segment of its path, made safe."""
    segment = urlsplit(url).path.rpartition("/")[2]
    return safe(_decoded(segment)) if segment else PathComponent(DEFAULT_NAME)


def safe(name: str) -> PathComponent:
    """Any text as one safe path component; the same text gives the same component."""
    name = unicodedata.normalize("NFC", name)
    name = "".join("_" if unicodedata.category(c) in _UNPRINTABLE else c for c in name)
    name = _RESERVED.sub("_", name)
    # Cutting a name may bring a space or a device to light, so: until nothing changes.
    while (cleaned := _cleaned(name)) != name:
        name = cleaned
    return PathComponent(name)


def _cleaned(name: str) -> str:
    name = name.strip()
    # A dot in front hides a file, and `.pyfetch` is ours; those at the end Windows drops.
    if name.startswith("."):
        name = "_" + name[1:]
    kept = name.rstrip(". ")
    name = kept + "_" * (len(name) - len(kept))
    if _is_device(name):
        name = "_" + name
    return _shortened(name) or "_"


def _is_device(name: str) -> bool:
    return bool(_DEVICE.fullmatch(name.partition(".")[0].rstrip()))


def tagged(name: PathComponent, url: str, attempt: int = 0) -> PathComponent:
    """Another name for a URL whose first choice belongs to another URL.

    The tag comes from the URL, so the next run finds the same name.
    """
    seed = url if attempt == 0 else f"{attempt} {url}"
    tag = hashlib.sha256(seed.encode(errors="surrogatepass")).hexdigest()[:_TAG_DIGITS]
    return _inserted(name, f"-{tag}")


def numbered(name: PathComponent, number: int) -> PathComponent:
    """`name-1.txt` for `name.txt`: what keeps both where the name is taken on disk."""
    return _inserted(name, f"-{number}")


def _inserted(name: PathComponent, tag: str) -> PathComponent:
    stem, extension = split_extension(name)
    return PathComponent(_cut(stem, _MAX_BYTES - _size(tag + extension)) + tag + extension)


def split_extension(name: str) -> tuple[str, str]:
    """`archive.tar.gz` → (`archive`, `.tar.gz`); an over-long extension is none."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or _size(extension) > _MAX_EXTENSION:
        return name, ""
    before, dot, inner = stem.rpartition(".")
    if dot and before and inner.lower() == "tar":
        return before, f".{inner}.{extension}"
    return stem, f".{extension}"


def _shortened(name: str) -> str:
    if _size(name) <= _MAX_BYTES:
        return name
    stem, extension = split_extension(name)
    return _cut(stem, _MAX_BYTES - _size(extension)) + extension


def _cut(text: str, size: int) -> str:
    """At most `size` bytes of UTF-8, never half a character."""
    return text.encode()[:size].decode(errors="ignore")


def _size(text: str) -> int:
    return len(text.encode())


def _decoded(segment: str) -> str:
    try:
        return unquote_to_bytes(segment.encode(errors="surrogatepass")).decode()
    except UnicodeDecodeError:
        return segment  # its percent signs stay: they are the only lossless form
