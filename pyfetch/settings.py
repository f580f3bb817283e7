"""Everything that a run can be told: a frozen, slotted, picklable value."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Literal

from pyfetch import cpu
from pyfetch.errors import UsageError
from pyfetch.models import IfExists as IfExists
from pyfetch.setting_values import AUTO as AUTO
from pyfetch.setting_values import BOUNDS, check_number, header_pairs, media_types
from pyfetch.setting_values import LEAST as LEAST
from pyfetch.setting_values import LONGEST as LONGEST
from pyfetch.setting_values import MOST_PROCESSES as MOST_PROCESSES
from pyfetch.setting_values import MOST_WORKERS as MOST_WORKERS
from pyfetch.setting_values import check_proxy as check_proxy

_PATHS = ("cookies", "netrc_file", "cacert", "cert", "key")


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
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
    def names_files(self) -> bool:
        """Whether there are files that may be of no use: to fetch anything, they are read."""
        return any(getattr(self, name) for name in _PATHS) or bool(bundle_of_the_environment())

    @property
    def process_number(self) -> int:
        """How many processes there may be."""
        return cpu.available() if self.processes == AUTO else self.processes

    def __post_init__(self) -> None:
        for name in BOUNDS:
            check_number(name, getattr(self, name))
        self._bring_into_one_form()
        if self.proxy is not None:
            check_proxy(self.proxy)
        self._check_together()

    def _bring_into_one_form(self) -> None:
        try:
            if_exists = IfExists(self.if_exists)
        except ValueError:
            choices = ", ".join(IfExists)
            message = f"if_exists must be one of {choices}, not {self.if_exists!r}"
            raise UsageError(message) from None
        if not isinstance(self.output_dir, str | os.PathLike):
            raise UsageError(f"output_dir must be a path, not {self.output_dir!r}")
        paths = {name: getattr(self, name) for name in _PATHS}
        in_one_form: dict[str, object] = {
            "if_exists": if_exists,
            "output_dir": os.fspath(self.output_dir),
            "headers": header_pairs(self.headers),
            **{name: os.fspath(path) for name, path in paths.items() if path is not None},
            "expect_type": media_types(self.expect_type),
        }
        for name, value in in_one_form.items():
            object.__setattr__(self, name, value)

    def _check_together(self) -> None:
        contradictions = {
            "rate_total (--rate-total) says whose rate it is: it needs a rate": self.rate_total
            and self.rate is None,
            "--min-size is more than --max-size": self.max_size is not None
            and self.min_size > self.max_size,
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


def bundle_of_the_environment() -> str | None:
    """Where tools of this field look for their authorities, `requests` and curl among them."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def settings_from(values: dict[str, object]) -> Settings:
    """Settings from keyword arguments. Raises `UsageError` for a name that is none."""
    known = {field.name for field in fields(Settings)}
    for name in values:
        if name not in known:
            raise UsageError(f"there is no setting {name!r} (there are {', '.join(sorted(known))})")
    return Settings(**values)  # type: ignore[arg-type]
