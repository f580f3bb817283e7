"""Everything that a run can be told: a frozen, slotted, picklable value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from pyfetch.errors import UsageError

LONGEST = 31_536_000.0
"""The longest time that may be set, in seconds: a year."""
LEAST = 0.001
"""The shortest time that may be set where it has to be above 0, in seconds."""
MOST_WORKERS = 1024
MOST_PROCESSES = 64
AUTO: Literal["auto"] = "auto"
"""The number of workers that is found while they work."""
_MOST_BYTES = 2**63 - 1
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+*-]+/[\w!#$&^.+*-]+", re.ASCII)

_BOUNDS: dict[str, tuple[float, float]] = {
    "workers": (1, MOST_WORKERS),
    "processes": (1, MOST_PROCESSES),
    "max_workers": (1, MOST_WORKERS),
    "per_host": (1, MOST_WORKERS),
    "rate": (1 / LONGEST, 1_000_000),
    "limit_rate": (1, _MOST_BYTES),
    "timeout": (LEAST, LONGEST),
    "connect_timeout": (LEAST, LONGEST),
    "max_time": (LEAST, LONGEST),
    "max_size": (0, _MOST_BYTES),
    "min_size": (0, _MOST_BYTES),
    "min_speed": (1, _MOST_BYTES),
    "max_redirects": (0, 1000),
    "retries": (0, 1_000_000),
    "retry_wait": (0, LONGEST),
    "max_wait": (0, LONGEST),
    "min_free": (0, _MOST_BYTES),
    "wait_lock": (0, LONGEST),
}
_OPTIONAL = frozenset({"max_time", "max_size", "min_speed", "per_host", "rate", "limit_rate"})
_WHOLE = frozenset(_BOUNDS) - {
    *("rate", "timeout", "connect_timeout", "max_time", "retry_wait", "max_wait", "wait_lock")
}
_OR_AUTO = frozenset({"workers", "processes"})
_PATHS = ("cookies", "netrc_file", "cacert", "cert", "key")
_PROXIES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})


class IfExists(StrEnum):
    """What to do when a target's file is there already."""

    REFRESH = "refresh"
    SKIP = "skip"
    REPLACE = "replace"
    RENAME = "rename"
    FAIL = "fail"


class InputFormat(StrEnum):
    """How a list is written."""

    AUTO = "auto"
    """As its content or its name says."""
    LINES = "lines"
    ARIA2 = "aria2"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    SITEMAP = "sitemap"
    METALINK = "metalink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a run can be told. Raises `UsageError` for a value that makes no sense."""

    workers: int | Literal["auto"] = 8
    """Transfers at once; `auto` finds out how many bring the most."""
    processes: int | Literal["auto"] = 1
    """Processes among which the transfers are divided; `auto`: as many as there are CPUs."""
    max_workers: int = 128
    """The most that `auto` may come to."""
    per_host: int | None = None
    """Transfers at once to one origin; None: as many as there are workers."""
    rate: float | None = None
    """Requests a second to one origin, at most."""
    rate_total: bool = False
    """The rate is for all requests together."""
    limit_rate: int | None = None
    """Bytes a second over all transfers, at most."""
    output_dir: str = "."
    """Where files are saved; any path, it is kept as text."""
    discard: bool = False
    """Count and hash every byte, keep no file."""
    if_exists: IfExists = IfExists.REFRESH
    name: str = "{name}"
    """The path of each file below the output directory, from the fields of its URL."""
    content_disposition: bool = False
    """Take the name that the server gives, where it gives one."""
    state: bool = True
    """Keep what is known of the files in `.pyfetch/` below the output directory."""
    fsync: bool = False
    """Make file and directory durable before a name counts as done."""
    min_free: int = 0
    """Stop before less than this is free on the disk, in bytes."""
    wait_lock: float = 0.0
    """Longest wait for another run in the same output directory, in seconds."""
    timeout: float = 30.0
    """Longest silence on a connection, in seconds."""
    connect_timeout: float = 10.0
    """Longest wait for a connection, in seconds."""
    max_time: float | None = None
    """Longest time for one target, all attempts together, in seconds."""
    max_size: int | None = None
    """Refuse larger bodies, in bytes."""
    min_size: int = 0
    """Refuse smaller bodies, in bytes."""
    expect_type: tuple[str, ...] = ()
    """Media types of which the body has to be one, with `*` for any characters."""
    min_speed: int | None = None
    """Give up an attempt that brings less for half a minute, in bytes a second."""
    max_redirects: int = 10
    no_downgrade: bool = False
    """Follow no redirect from https to http."""
    public_only: bool = False
    """Connect to public addresses only."""
    proxy: str | None = None
    """The URL of the proxy for all requests; None: what the environment says."""
    netrc: bool = True
    """Take user names and passwords from a netrc file."""
    netrc_file: str | None = None
    """Which; None: what NETRC names, or `~/.netrc`."""
    cookies: str | None = None
    """A file of cookies to send, in Netscape's format; it is only read."""
    cacert: str | None = None
    """A file or directory of the authorities that are trusted, in place of the system's."""
    cert: str | None = None
    """The certificate to show to servers that want one, in PEM."""
    key: str | None = None
    """Its key, where that is in a file of its own."""
    insecure: bool = False
    """Do not verify certificates."""
    retries: int = 3
    """Further attempts after a failure that may pass."""
    retry_wait: float = 1.0
    """Longest wait before the second attempt, in seconds; it doubles with each further one."""
    max_wait: float = 600.0
    """The longest that a host may make us wait when it pushes back, in seconds."""
    fail_fast: bool = False
    """Stop the run at the first target that failed for good."""
    headers: tuple[tuple[str, str], ...] = ()
    """Added to each request, as (name, value); a mapping will do."""

    @property
    def most_workers(self) -> int:
        """The most transfers that there will be at once."""
        return self.max_workers if self.workers == AUTO else self.workers

    @property
    def process_number(self) -> int:
        """How many processes there may be."""
        return len(os.sched_getaffinity(0)) if self.processes == AUTO else self.processes

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if (value is None and name in _OPTIONAL) or (name in _OR_AUTO and value == AUTO):
                continue
            whole = name in _WHOLE
            number = isinstance(value, int if whole else int | float)
            if not number or isinstance(value, bool) or not least <= value <= most:
                kind = "a whole number" if whole else "a number"
                raise UsageError(f"{name} must be {kind} from {least:g} to {most:g}, not {value!r}")
        if self.rate_total and self.rate is None:
            raise UsageError("rate_total (--rate-total) says whose rate it is: it needs a rate")
        try:
            object.__setattr__(self, "if_exists", IfExists(self.if_exists))
        except ValueError:
            choices = ", ".join(IfExists)
            message = f"if_exists must be one of {choices}, not {self.if_exists!r}"
            raise UsageError(message) from None
        if not isinstance(self.output_dir, str | os.PathLike):
            raise UsageError(f"output_dir must be a path, not {self.output_dir!r}")
        object.__setattr__(self, "output_dir", os.fspath(self.output_dir))
        object.__setattr__(self, "headers", _header_pairs(self.headers))
        self._check_who_is_asked()

    def _check_who_is_asked(self) -> None:
        for name in _PATHS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, os.fspath(value))
        types = (self.expect_type,) if isinstance(self.expect_type, str) else self.expect_type
        object.__setattr__(self, "expect_type", tuple(types))
        for expected in self.expect_type:
            if not _MEDIA_TYPE.fullmatch(expected):
                raise UsageError(f"{expected!r} is no media type (write it like image/*)")
        if self.proxy is not None:
            check_proxy(self.proxy)
        contradictions = {
            "--min-size is more than --max-size": self.min_size
            > (self.min_size if self.max_size is None else self.max_size),
            "--key belongs to a certificate: name that with --cert": self.key and not self.cert,
            "--netrc-file and --no-netrc exclude each other": self.netrc_file and not self.netrc,
            "--insecure trusts everybody: then --cacert means nothing": self.insecure
            and self.cacert,
            "--content-disposition is for one process: leave --processes out": (
                self.content_disposition and self.processes != 1
            ),
            "--public-only cannot see where a proxy connects to: leave --proxy out": self.proxy
            and self.public_only,
        }
        for message, holds in contradictions.items():
            if holds:
                raise UsageError(message)


def check_proxy(proxy: str) -> None:
    """Raises `UsageError` for what is no URL of a proxy; it may hold a password: none is shown."""
    try:
        parts = urlsplit(proxy)
        fine = parts.scheme.lower() in _PROXIES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        schemes = ", ".join(sorted(_PROXIES))
        message = f"the proxy is no URL with a host and one of the schemes {schemes}"
        raise UsageError(message)
    if parts.scheme.lower().startswith("socks") and not find_spec("socks"):
        raise UsageError("SOCKS proxies need an extra: pip install 'pyfetch[socks]'")


def _header_pairs(headers: object) -> tuple[tuple[str, str], ...]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    try:
        found = tuple((name, value) for name, value in pairs)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise UsageError(f"headers must be pairs of name and value, not {headers!r}") from None
    for name, value in found:
        if not (isinstance(name, str) and isinstance(value, str)):
            raise UsageError(f"headers must be text: the one named {name!r} is not")
        if name.lower() == "proxy-authorization":
            raise UsageError(
                "a server must not see Proxy-Authorization: write user and password into"
                " the proxy's URL (--proxy http://user:password@host:port)"
            )
    return found


def settings_from(values: dict[str, object]) -> Settings:
    """Settings from keyword arguments. Raises `UsageError` for a name that is none."""
    known = {field.name for field in fields(Settings)}
    for name in values:
        if name not in known:
            raise UsageError(f"there is no setting {name!r} (there are {', '.join(sorted(known))})")
    return Settings(**values)  # type: ignore[arg-type]
