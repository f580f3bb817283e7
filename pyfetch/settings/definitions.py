"""The settings of a run: a frozen, picklable value.

Each setting says once, where it stands, all that there is to say of it: its type, default,
bounds, the flags and the help of its option. The command line, `--help`, the README's table
and the checks are made from that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from typing import Literal

from pyfetch import cpu
from pyfetch.errors import UsageError
from pyfetch.models import IfExists
from pyfetch.settings.kinds import (
    AUTO,
    DIRECTORY,
    FILE,
    FLAG,
    MOST_PROCESSES,
    MOST_WORKERS,
    RATE,
    SECONDS,
    SECONDS_ABOVE_ZERO,
    SIZE,
    SIZE_ABOVE_ZERO,
    SPEED,
    TEXT,
    Choice,
    count,
    count_or_auto,
)
from pyfetch.settings.request_kinds import (
    HEADERS,
    MEDIA_TYPES,
    PARAMETER_NAMES,
    PROXY_URL,
    STATUSES,
)
from pyfetch.settings.setting import Group, Setting


class InputFormat(StrEnum):
    """Format of a list."""

    AUTO = "auto"
    """Detect it by content and name."""
    LINES = "lines"
    ARIA2 = "aria2"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    JSON = "json"
    CHECKSUMS = "checksums"
    SITEMAP = "sitemap"
    METALINK = "metalink"


_files = partial(Setting.field, Group.FILES)
_servers = partial(Setting.field, Group.SERVERS)
_transfers = partial(Setting.field, Group.TRANSFERS)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Settings:
    """Everything that a run can be told. Raises `UsageError` for a value that makes no sense."""

    output_dir: str = _files(
        ".", DIRECTORY, "-o, --output-dir", "Where files are saved; made if missing."
    )
    discard: bool = _files(False, FLAG, "--discard", "Download and count every byte, keep no file.")
    if_exists: IfExists = _files(  # noqa: RUF009 - it makes a field
        IfExists.REFRESH,
        Choice(IfExists),
        "--if-exists",
        "When the file is there: ask the server whether it changed, trust it, fetch it anew,"
        " keep both, or fail that URL.",
    )
    name: str = _files(
        "{name}",
        TEXT,
        "--name",
        "The path of each file below DIR, from `{index} {scheme} {host} {dir} {name} {stem} {ext}"
        " {query} {hash}`, `{type_ext}` (by its media type) and `{input.COLUMN}` (what the list"
        " says in a column).",
        "TEMPLATE",
    )
    content_disposition: bool = _files(
        False,
        FLAG,
        "--content-disposition",
        "Take the name that the server gives, where it gives one.",
    )
    ignore_query: tuple[str, ...] = _files(
        (),
        PARAMETER_NAMES,
        "--ignore-query",
        "Query parameters that do not tell files apart (`token`, `utm_*`), beside those that sign"
        " URLs for S3, Google, CloudFront and Azure; may be repeated.",
    )
    state: bool = _files(
        True,
        FLAG,
        "--no-state",
        "Remember nothing of this run: a file is refreshed by its modification time alone.",
    )
    fsync: bool = _files(
        False,
        FLAG,
        "--fsync",
        "Write each file and its directory through to the disk before its result is shown.",
    )
    min_free: int = _files(0, SIZE, "--min-free", "Stop before less than this is free on the disk.")
    wait_lock: float = _files(
        0.0,
        SECONDS,
        "--wait-lock",
        "Longest wait for another run in the same directory, in seconds.",
    )
    max_size: int | None = _files(
        None, SIZE, "--max-size", "Refuse larger bodies (10M, 1.5GiB), by header or by count."
    )
    min_size: int = _files(0, SIZE, "--min-size", "Refuse smaller bodies.")
    expect_type: tuple[str, ...] = _files(
        (),
        MEDIA_TYPES,
        "--expect-type",
        "Refuse bodies of other media types (`image/*`); may be repeated.",
    )

    headers: tuple[tuple[str, str], ...] = _servers(
        (), HEADERS, "-H, --header", "Add this header to each request; may be repeated."
    )
    cookies: str | None = _servers(
        None, FILE, "--cookies", "Send the cookies in this file (Netscape's format)."
    )
    netrc_file: str | None = _servers(
        None, FILE, "--netrc-file", "Where users and passwords are; else `$NETRC` or `~/.netrc`."
    )
    netrc: bool = _servers(True, FLAG, "--no-netrc", "Read no users and passwords from a file.")
    proxy: str | None = _servers(
        None,
        PROXY_URL,
        "--proxy",
        "The proxy for all requests, but for those of `no_proxy`; else the environment's.",
    )
    cacert: str | None = _servers(
        None,
        FILE,
        "--cacert",
        "Trust the authorities in this file or directory, in place of the system's.",
    )
    cert: str | None = _servers(
        None, FILE, "--cert", "Show this certificate (PEM) to servers that want one."
    )
    key: str | None = _servers(
        None, FILE, "--key", "The certificate's key, where that is in a file of its own."
    )
    insecure: bool = _servers(False, FLAG, "--insecure", "Do not verify certificates.")
    max_redirects: int = _servers(
        10, count(0, 1000), "--max-redirects", "Redirects that are followed, at most."
    )
    no_downgrade: bool = _servers(
        False, FLAG, "--no-downgrade", "Follow no redirect from https to http."
    )
    public_only: bool = _servers(
        False,
        FLAG,
        "--public-only",
        "Connect to public addresses only: for lists from strangers.",
    )

    ipv4: bool = _servers(False, FLAG, "-4, --ipv4", "Connect to IPv4 addresses only.")
    ipv6: bool = _servers(False, FLAG, "-6, --ipv6", "Connect to IPv6 addresses only.")

    workers: int | Literal["auto"] = _transfers(
        8,
        count_or_auto(1, MOST_WORKERS),
        "-w, --workers",
        "Transfers at once; `auto` finds out how many bring the most.",
    )
    processes: int | Literal["auto"] = _transfers(
        1,
        count_or_auto(1, MOST_PROCESSES),
        "--processes",
        "Processes that share the workers, for many small files; `auto`: one a CPU.",
    )
    max_workers: int = _transfers(
        128, count(1, MOST_WORKERS), "--max-workers", "The most that `--workers auto` may come to."
    )
    per_host: int | None = _transfers(
        None,
        count(1, MOST_WORKERS),
        "--per-host",
        "Transfers at once to one host; the others go ahead meanwhile.",
    )
    rate: float | None = _transfers(
        None, RATE, "--rate", "Requests to one host, at most: `5/s`, `100/min` or `1000/h`."
    )
    rate_total: bool = _transfers(
        False, FLAG, "--rate-total", "The rate is for all hosts together."
    )
    limit_rate: int | None = _transfers(
        None,
        SIZE_ABOVE_ZERO,
        "--limit-rate",
        "Bytes in a second over all transfers, at most.",
    )
    timeout: float = _transfers(
        30.0, SECONDS_ABOVE_ZERO, "--timeout", "Longest silence on a connection, in seconds."
    )
    connect_timeout: float = _transfers(
        10.0,
        SECONDS_ABOVE_ZERO,
        "--connect-timeout",
        "Longest wait for a connection, in seconds.",
    )
    min_speed: int = _transfers(
        10,
        SPEED,
        "--min-speed",
        "Give up a try that brings less than this for 60 seconds (`10K/s`); 0: never.",
    )
    max_time: float | None = _transfers(
        None,
        SECONDS_ABOVE_ZERO,
        "--max-time",
        "Longest time for one URL, all tries together, in seconds.",
    )
    retries: int = _transfers(
        3, count(0, 1_000_000), "--retries", "More tries after a failure that may pass."
    )
    retry_status: tuple[int, ...] = _transfers(
        (),
        STATUSES,
        "--retry-status",
        "Statuses to try again, too (`+418`), or not to (`-500`); with commas between several.",
    )
    retry_wait: float = _transfers(
        1.0,
        SECONDS,
        "--retry-wait",
        "Longest wait before the second try, in seconds; doubles with each further one, up to 60.",
    )
    max_wait: float = _transfers(
        600.0, SECONDS, "--max-wait", "Longest time that a host may make us wait, in seconds."
    )
    fail_fast: bool = _transfers(
        False, FLAG, "--fail-fast", "Stop at the first failure that stays."
    )

    cpu_pin: bool = _transfers(
        True,
        FLAG,
        "--cpu-pin/--no-cpu-pin",
        "Keep the threads of the command on one CPU, except for work that gains from several.",
    )

    @property
    def most_workers(self) -> int:
        """The most transfers that there will be at once."""
        return self.max_workers if self.workers == AUTO else self.workers

    @property
    def names_files(self) -> bool:
        """Whether files are named that all fetching needs: a certificate, cookies and so on."""
        named = (self.cookies, self.netrc_file, self.cacert, self.cert, self.key)
        return any(named) or bool(bundle_of_the_environment())

    @property
    def names_by_type(self) -> bool:
        """Whether the media type of an answer may decide the name of its file."""
        return "{type_ext}" in self.name

    @property
    def process_number(self) -> int:
        """How many processes there may be."""
        return cpu.available() if self.processes == AUTO else self.processes

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            value = getattr(self, name)
            if value is None and setting.optional:
                continue
            try:
                checked = setting.kind.check(value)
            except UsageError:
                raise
            except ValueError as error:
                raise UsageError(f"{name} {error}") from None
            object.__setattr__(self, name, checked)
        for message, holds in self._contradictions():
            if holds:
                raise UsageError(message)

    # What a dataclass generates to compare so many fields takes a millisecond of each start.

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in SETTINGS)

    def __repr__(self) -> str:
        """What differs from the defaults, with a mask for each secret."""
        told = (
            f"{name}={setting.kind.masked(getattr(self, name))}"
            for name, setting in SETTINGS.items()
            if getattr(self, name) != setting.default
        )
        return f"{type(self).__name__}({', '.join(told)})"

    def _contradictions(self) -> Iterator[tuple[str, object]]:
        yield (
            "rate_total (--rate-total) says whose rate it is: it needs a rate",
            self.rate_total and self.rate is None,
        )
        yield (
            "--min-size is more than --max-size",
            self.max_size is not None and self.min_size > self.max_size,
        )
        yield (
            "--key belongs to a certificate: name that with --cert",
            self.key and not self.cert,
        )
        yield (
            "--netrc-file and --no-netrc exclude each other",
            self.netrc_file and not self.netrc,
        )
        yield (
            "--insecure trusts everybody: then --cacert means nothing",
            self.insecure and self.cacert,
        )
        yield (
            "--ipv4 and --ipv6 exclude each other",
            self.ipv4 and self.ipv6,
        )
        yield (
            "--public-only cannot see where a proxy connects to: leave --proxy out",
            self.proxy and self.public_only,
        )


SETTINGS = {one.name: Setting.of(one) for one in fields(Settings)}
"""What is known of each setting, by its name, in the order of `--help`."""


def bundle_of_the_environment() -> str | None:
    """The file of authorities that `requests` and curl are told of by the environment, if any."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def settings_from(values: dict[str, object]) -> Settings:
    """Settings from keyword arguments. Raises `UsageError` for a name that is none."""
    for name in values:
        if name not in SETTINGS:
            raise UsageError(
                f"there is no setting {name!r} (there are {', '.join(sorted(SETTINGS))})"
            )
    return Settings(**values)  # type: ignore[arg-type]
