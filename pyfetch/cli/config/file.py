"""The text of a configuration file: whether it may be trusted, and in which line a key stands."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyfetch.errors import UsageError

_KEY = r"""\s*(["']?)([^"'=\s]+)\1\s*="""
_WRITABLE_BY_OTHERS = stat.S_IWOTH
_READABLE_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH


class ConfigFile(NamedTuple):
    """A configuration file that was read."""

    path: str
    text: str
    table: dict[str, Any]
    is_named: bool = False
    """Whether the user has named it, so that it is taken whoever may read and write it."""
    mode: int = 0o600
    """Its permissions."""

    def __repr__(self) -> str:
        return f"ConfigFile({self.path!r})"  # the text may hold secrets

    @property
    def directory(self) -> str:
        """The directory that relative paths of files begin at."""
        return os.path.dirname(os.path.abspath(self.path))  # noqa: PTH100, PTH120

    def line_of(self, section: tuple[str, ...], key: str | None = None) -> int | None:
        """The line of a section's head, or of a key in it; None if it is written another way."""
        now: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            head = _section(line)
            if head is not None:
                now = head
                if key is None and head == section:
                    return number
            elif key is not None and now == section:
                found = re.match(_KEY, line)
                if found and found[2] == key:
                    return number
        return None

    def wrong(self, section: tuple[str, ...], key: str | None, message: str) -> UsageError:
        """What to raise for a key, or for a whole section."""
        line = self.line_of(section, key) or self.line_of(section)
        where = f"{self.path}, line {line}" if line else self.path
        name = f"[{section_name(section)}]{f' {key}' if key else ''}" if section else key
        return UsageError(f"{where}: {name}: {message}")

    def check_secret(self, section: tuple[str, ...], key: str) -> None:
        """Raise `UsageError` if others can read the file, which has a secret under this key."""
        if self.is_named or not self.mode & _READABLE_BY_OTHERS:
            return
        message = f"it is a secret, and others can read the file: chmod 600 {self.path}"
        raise self.wrong(section, key, message)


def read_config(path: str, *, is_named: bool) -> ConfigFile:
    """Read a file. Raises `UsageError` if it cannot be read, is no TOML, or must not be trusted.

    As with ssh, the file in its usual place has to belong to the user (or to root) and must not
    be writable by others, while one that the command line names is taken as it is.
    """
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - it may be a pipe: --config <(…)
            status = os.fstat(stream.fileno())
            data = stream.read()
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"cannot read the configuration {path}: {reason}") from error
    if not is_named:
        _check_trust(path, status)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_no_toml(path, str(error).partition("\n")[0])) from error
    return ConfigFile(path, text, table, is_named, stat.S_IMODE(status.st_mode))


def section_name(section: tuple[str, ...]) -> str:
    """The section as it is written between brackets."""
    plain = r"[A-Za-z0-9_-]+"
    return ".".join(part if re.fullmatch(plain, part) else f'"{part}"' for part in section)


def _check_trust(path: str, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise UsageError(
            f"the configuration {path} belongs to another user: it is not read"
            " (name it with --config if you trust it, or give --no-config)"
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise UsageError(f"anybody can write the configuration {path}: chmod o-w {path}")


def _no_toml(path: str, message: str) -> str:
    """What to say of an error of `tomllib`, which shows at most one character of the file."""
    what, _, where = message.partition(" (at ")
    line = re.match(r"line (\d+)", where)
    place = f", line {line[1]}" if line else f" ({where.rstrip(')')})" if where else ""
    return f"{path}{place}: no TOML: {what[:1].lower()}{what[1:]}"


def _section(line: str) -> tuple[str, ...] | None:
    """The section that a line begins; None if it begins none."""
    if not line.lstrip().startswith("[") or line.lstrip().startswith("[["):
        return None
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return tuple(_path(tomllib.loads(line)))
    return None


def _path(table: dict[str, Any]) -> Iterator[str]:
    while table:
        key, table = next(iter(table.items()))
        yield key
