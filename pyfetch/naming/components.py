"""Path components that are safe on every file system, and relative paths made of them.

Any text from the network or from a list has to pass `safe` and `joined` before it becomes a path.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NewType
from urllib.parse import unquote_to_bytes

from pyfetch.urls import Url

PathComponent = NewType("PathComponent", str)
"""A name that has been made safe: no separator, at most 255 bytes, not `.` or `..`."""

RelativePath = NewType("RelativePath", str)
"""One or more safe components with `/` between them, at most `MAX_PATH` bytes together."""

MAX_PATH = 1024
"""Longest path below the output directory, in bytes. Linux allows 4096 (PATH_MAX), including the
output directory."""

DEFAULT_NAME = "index.html"
"""Name of the file for a URL whose path ends in a slash."""

_MAX_BYTES = 255
_MAX_BYTES_OF_CHARACTER = 4
_MAX_EXTENSION = 32
_TAG_DIGITS = 8
# Separators, and characters that Windows refuses (Naming Files, Paths, and Namespaces).
_RESERVED = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [port + number for port in ("com", "lpt") for number in "0123456789¹²³"]
)
# Names that are safe already. Most names match, and this is the fastest check. (A pattern of all
# forbidden characters takes 3 ms to compile.)
_PLAIN = re.compile(r"(?![ .-])[ !#-)+-.0-9;=@-\[\]^-{}~]{1,255}(?<![ .])")
# Unicode's categories for control, format (with the bidi overrides), surrogate, private
# use and unassigned characters, and for line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def file_name(url: Url) -> PathComponent:
    """The name of the file that a URL is saved to: the last segment of its path, made safe."""
    segment = url.path.rpartition("/")[2]
    return safe(decoded(segment)) if segment else PathComponent(DEFAULT_NAME)


def directories(url: Url) -> list[PathComponent]:
    """The directories of a URL's path, made safe; empty ones are left out."""
    segments = url.path.split("/")[:-1]
    return [safe(decoded(segment)) for segment in segments if segment]


def decoded(text: str) -> str:
    """The text with its percent-escapes decoded once, or unchanged if the result is not UTF-8."""
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text.encode(errors="surrogatepass")).decode()
    except UnicodeDecodeError:
        return text  # the escapes are the only way to show these bytes


def safe(name: str) -> PathComponent:
    """Make any text one safe path component. The same text always gives the same component."""
    if _PLAIN.fullmatch(name) and not _is_device(name):
        return PathComponent(name)
    name = unicodedata.normalize("NFC", name)
    name = "".join("_" if _is_forbidden(character) else character for character in name)
    # A shortened name may end in a space, or be the name of a device: repeat until nothing changes.
    while (cleaned := _cleaned(name)) != name:
        name = cleaned
    return PathComponent(name)


def fault(name: str) -> str | None:
    """Why `safe` would change this name (in normal form C), as a clause; None if it would not."""
    if safe(name) == name:
        return None
    for character in name:
        if _is_forbidden(character):
            return f"{character!r} is not allowed in names on every file system"
    if name.startswith("."):
        return "a dot in front hides what it names"
    if name.startswith("-"):
        return "commands take a name with a dash in front for an option"
    if name != name.strip() or name.endswith("."):
        return "dots at the end of a name and spaces at its ends are lost on some file systems"
    if _is_device(name):
        return "Windows takes it for a device"
    return f"a name has from 1 to {_MAX_BYTES} bytes"


def _cleaned(name: str) -> str:
    name = name.strip()
    # A leading dot hides a file, and `.pyfetch` is ours. Windows drops dots at the end.
    if name.startswith("."):
        name = "_" + name[1:]
    # `rm *` would take this name for an option.
    if name.startswith("-"):
        name = "_" + name
    kept = name.rstrip(". ")
    name = kept + "_" * (len(name) - len(kept))
    if _is_device(name):
        name = "_" + name
    return _shortened(name) or "_"


def _is_forbidden(character: str) -> bool:
    return character in _RESERVED or unicodedata.category(character) in _UNPRINTABLE


def _is_device(name: str) -> bool:
    """Whether Windows takes it for a device, which it does whatever extension there is."""
    return name.partition(".")[0].rstrip().lower() in _DEVICES


def tagged(name: PathComponent, url: str, attempt: int = 0) -> PathComponent:
    """The name with a suffix derived from the URL, as another URL has the name itself.

    The next run gets the same suffix. Each `attempt` gives another one.
    """
    seed = url if attempt == 0 else f"{attempt} {url}"
    return _inserted(name, f"-{_sha256(seed)[:_TAG_DIGITS]}")


def numbered(name: PathComponent, number: int) -> PathComponent:
    """`name-1.txt` for `name.txt`, as a file on disk has the name itself."""
    return _inserted(name, f"-{number}")


def backup_name(name: PathComponent, number: int) -> PathComponent:
    """`README.md.~1~` for `README.md`: a numbered backup, as GNU tools name them."""
    suffix = f".~{number}~"
    return PathComponent(_cut(name, _MAX_BYTES - len(suffix)) + suffix)


def first_free(is_taken: Callable[[int], bool]) -> int:
    """A number, from 1, that is not taken while the one before it is.

    Numbers are doubled until one is free, then the interval is halved: if n numbers in a row are
    taken, the next one is found after about 2 log2(n) calls of `is_taken`.
    """
    taken, free = 0, 1
    while is_taken(free):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        if is_taken(middle):
            taken = middle
        else:
            free = middle
    return free


def is_safe_path(path: str) -> bool:
    """Whether each component of a path is safe, so that the path cannot lead out."""
    return all(safe(component) == component for component in path.split("/"))


def joined(components: Sequence[PathComponent]) -> RelativePath:
    """Join one or more components into a path.

    In a path that is too long, a digest of all of it replaces the middle, so that different long
    paths stay different.
    """
    path = "/".join(components)
    if len(path) <= MAX_PATH // _MAX_BYTES_OF_CHARACTER or _size(path) <= MAX_PATH:
        return RelativePath(path)
    middle, last = text_digest(path), components[-1]
    room = MAX_PATH - _size(f"{middle}/{last}")
    ends = accumulate(_size(f"{component}/") for component in components)
    leading = components[: sum(end <= room for end in ends)]
    return RelativePath("/".join([*leading, middle, last]))


def text_digest(text: str) -> str:
    """The first 16 hexadecimal digits of a text's SHA-256."""
    return _sha256(text)[:16]


def tagged_path(path: RelativePath, url: str, attempt: int = 0) -> RelativePath:
    """The path with a suffix derived from its URL, in the same directory."""
    *parents, name = _components(path)
    return joined([*parents, tagged(name, url, attempt)])


def numbered_path(path: RelativePath, number: int) -> RelativePath:
    """`a/name-1.txt` for `a/name.txt`."""
    *parents, name = _components(path)
    return joined([*parents, numbered(name, number)])


def beside(path: RelativePath, depth: int) -> RelativePath:
    """The path with another name for the directory at `depth` (from 0), as a file has its name.

    All paths below the directory get the same other name, in each run. If a file has that name,
    too, call `beside` with the result.
    """
    components = _components(path)
    directory = "/".join(components[: depth + 1])
    components[depth] = tagged(components[depth], directory)
    return joined(components)


def _components(path: RelativePath) -> list[PathComponent]:
    return [PathComponent(component) for component in path.split("/")]


def _inserted(name: PathComponent, tag: str) -> PathComponent:
    stem, extension = split_extension(name)
    return PathComponent(_cut(stem, _MAX_BYTES - _size(tag + extension)) + tag + extension)


def split_extension(name: str) -> tuple[str, str]:
    """`archive.tar.gz` → (`archive`, `.tar.gz`). A very long extension is a part of the name."""
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
    """The beginning of the text, whole characters with at most `size` bytes of UTF-8."""
    return text.encode()[:size].decode(errors="ignore")


def _size(text: str) -> int:
    return len(text.encode())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
