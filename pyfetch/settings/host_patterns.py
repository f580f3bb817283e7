"""Patterns that name hosts: one, all below a domain, or all; of any port or one."""

from __future__ import annotations

import re

from pyfetch.settings.kinds import shown

_ANY = "*"
_NAME = r"[^\s.\[\]:/*@?#][^\s\[\]:/*@?#]*"
_PATTERN = rf"(?a)(\*|(?:\*\.)?{_NAME}|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{{0,4}}))?"


class HostPattern(str):
    """Which hosts some settings are for: one, all below a domain, or all; of one port or any.

    It is text in one form: `example.org`, `*.example.org:8080`, `*` or `[::1]:80`, in lower case.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """What the name of a host is compared with, without brackets."""
        return _name_and_port(self)[0]

    @property
    def port(self) -> int | None:
        """None: any port."""
        return _name_and_port(self)[1]

    @property
    def names_hosts(self) -> bool:
        """Whether it says more of a host than its port."""
        return self.name != _ANY

    @property
    def rank(self) -> tuple[bool, int, bool]:
        """How closely it describes a host, for a comparison."""
        wild = self.startswith(_ANY)
        return (not wild, len(self.name) if wild else 0, self.port is not None)

    def matches(self, host: str, port: int) -> bool:
        """Whether this host is one of them. `*.example.org` is not `example.org` itself."""
        name, only = _name_and_port(self)
        if only not in (None, port):
            return False
        if name == _ANY:
            return True
        return host.endswith(name[1:]) if name.startswith(_ANY) else host == name


def parse_pattern(text: str) -> HostPattern:
    """Read a pattern as it stands in a file. Raises `ValueError`."""
    found = re.fullmatch(_PATTERN, text)
    if not found or int(found[2] or 0) > 65535:
        raise ValueError(
            f"{shown(text)} names no hosts"
            " (write example.org, *.example.org, example.org:8080 or *)"
        )
    name = normalized_host(found[1])
    bracketed = f"[{name}]" if ":" in name else name
    return HostPattern(f"{bracketed}:{found[2]}" if found[2] else bracketed)


def _name_and_port(pattern: str) -> tuple[str, int | None]:
    head, colon, port = pattern.rpartition(":")
    if colon and not pattern.endswith("]"):
        return head.strip("[]"), int(port)
    return pattern.strip("[]"), None


def normalized_host(host: str) -> str:
    """The name of a host as patterns have it: in lower case and ASCII, without brackets."""
    host = host.strip("[]").lower().rstrip(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host
