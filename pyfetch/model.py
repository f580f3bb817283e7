"""The values that cross module boundaries: frozen, slotted, picklable."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from pyfetch.checksum import Checksum
from pyfetch.errors import UsageError
from pyfetch.origin import identity_of


class Outcome(StrEnum):
    """What became of a target."""

    FETCHED = "fetched"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


class Failure(StrEnum):
    """Why a target failed: one code for retry, state, table, JSON and exit status alike."""

    INVALID_URL = "invalid-url"
    UNSUPPORTED_SCHEME = "unsupported-scheme"
    FORBIDDEN_ADDRESS = "forbidden-address"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    HTTP = "http"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"
    TOO_MANY_REDIRECTS = "too-many-redirects"
    CHECKSUM = "checksum"
    WRONG_CONTENT = "wrong-content"
    EXISTS = "exists"
    DISK = "disk"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class IfExists(StrEnum):
    """What to do when a target's file is there already."""

    REFRESH = "refresh"
    SKIP = "skip"
    REPLACE = "replace"
    RENAME = "rename"
    FAIL = "fail"


class TargetError(Exception):
    """One target failed; it becomes a failed `Result` and never leaves `fetch`."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file that was saved, and of the answer that it came with."""

    size: int
    """In bytes."""
    modified_ns: int
    """Its modification time on disk, in nanoseconds since the epoch."""
    etag: str | None = None
    last_modified: str | None = None
    """Only where it may serve as a validator."""
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the state says of a target's name."""

    facts: FileFacts | None = None
    """None: it knows of no file."""
    placed_by_us: bool = False
    """Whether what is there now can only have been put there by a run for this URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """One URL to fetch."""

    index: int
    """Place in the input, from 1."""
    url: str
    origin: str
    """`scheme://host:port` of the URL (RFC 6454, section 4)."""
    path: str | None = None
    """Where the file goes, below the output directory; None while it has no name."""
    checksum: Checksum | None = None
    """What the body has to be."""
    known: Known = Known()

    @property
    def identity(self) -> str:
        """The URL without credentials and fragment: what owns a name and a part."""
        return identity_of(self.url)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input line. Its fields are the keys of a JSON Lines object."""

    index: int
    """Place in the input, from 1."""
    url: str
    """As it was given."""
    outcome: Outcome
    final_url: str | None = None
    """The URL that answered, after redirects."""
    status: int | None = None
    """Status code of the last answer (RFC 9110, section 15)."""
    size: int | None = None
    """Length of the whole body or file, in bytes."""
    path: str | None = None
    """The file, as a path that starts with the output directory."""
    error: Failure | None = None
    detail: str | None = None
    """What went wrong, as a sentence for people."""
    attempts: int = 0
    """How many times the server was asked."""
    elapsed: float = 0.0
    """Seconds from the start of the first attempt to the end of the last, waits included."""
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    """Of the body, in hexadecimal digits."""

    @property
    def failed(self) -> bool:
        return self.outcome is Outcome.FAILED


Entry = Target | Result
"""What a line of input becomes: something to fetch, or at once a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a run can be told. Raises `UsageError` for a value that makes no sense."""

    workers: int = 8
    """Transfers at once."""
    output_dir: str = "."
    discard: bool = False
    """Count and hash every byte, keep no file."""
    if_exists: IfExists = IfExists.REFRESH
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
    retries: int = 3
    """Further attempts after a failure that may pass."""
    retry_wait: float = 1.0
    """Longest wait before the second attempt, in seconds; it doubles with each further one."""
    headers: tuple[tuple[str, str], ...] = ()
    """Added to each request, as (name, value)."""

    def __post_init__(self) -> None:
        for name, least in (
            ("workers", 1),
            ("retries", 0),
            ("retry_wait", 0),
            ("max_size", 0),
            ("min_free", 0),
            ("wait_lock", 0),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} must be at least {least}, not {value}")
        for name in ("timeout", "connect_timeout", "max_time"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name} must be a number of seconds above 0, not {value}")
        try:
            object.__setattr__(self, "if_exists", IfExists(self.if_exists))
        except ValueError:
            choices = ", ".join(IfExists)
            message = f"if_exists must be one of {choices}, not {self.if_exists!r}"
            raise UsageError(message) from None
        object.__setattr__(self, "headers", tuple(self.headers))


def settings_from(values: dict[str, object]) -> Settings:
    """Settings from keyword arguments. Raises `UsageError` for a name that is none."""
    known = {field.name for field in fields(Settings)}
    for name in values:
        if name not in known:
            raise UsageError(f"there is no setting {name!r} (there are {', '.join(sorted(known))})")
    return Settings(**values)  # type: ignore[arg-type]
