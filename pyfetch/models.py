"""The values that cross module boundaries: slotted, picklable, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pyfetch.checksum import Checksum
from pyfetch.urls import identity_of, masked, masked_url


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


class HostSignal(StrEnum):
    """What one attempt says of the host that it asked."""

    ANSWERED = "answered"
    PUSHED_BACK = "pushed back"
    """It answered that it is asked too much."""
    UNREACHED = "unreached"
    """Its name was not found, or no connection came about."""
    SILENT = "silent"
    """It took the connection and did not answer in time."""
    NONE = "none"
    NOT_ASKED = "not asked"


class TargetError(Exception):
    """One target failed; it becomes a failed `Result` and never leaves `fetch`."""

    def __init__(self, failure: Failure, detail: str, sign: HostSignal = HostSignal.NONE) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail
        self.sign = sign
        """What it says of the host, where there is no answer that says more."""


class FileFacts(NamedTuple):
    """What is known of a file that was saved, and of the answer that it came with."""

    size: int
    """In bytes."""
    modified_ns: int
    """Its modification time on disk, in nanoseconds since the epoch."""
    etag: str | None = None
    last_modified: str | None = None
    """Only where it may serve as a validator."""
    sha256: str | None = None
    answered_by: str | None = None
    """The URL that answered, after redirects: its validators speak of nothing else."""


class Known(NamedTuple):
    """What the state says of a target's name."""

    facts: FileFacts | None = None
    """None: it knows of no file."""
    placed_by_us: bool = False
    """Whether the name was free when this URL got it, and no run has ended without a file
    since: then what is there was put there by a run that was killed before it noted it."""
    went_to: str | None = None
    """Where its file is, if its server has named that."""
    begun: bool = False
    """Whether a process of this run was ended while it had the target: then what is there may
    be what that had fetched."""


class Length(NamedTuple):
    """How many bytes a body has to have, and who says so."""

    size: int
    said_by: str


class Target(NamedTuple):
    """One URL to fetch."""

    index: int  # type: ignore[assignment] # of a tuple's own, nobody has need
    """Place in the input, from 1."""
    url: str
    origin: str
    """`scheme://host:port` of the URL (RFC 6454, section 4)."""
    path: str | None = None
    """Where the file goes, below the output directory; None while it has no name."""
    checksum: Checksum | None = None
    """What the body has to be."""
    size: int | None = None
    """How many bytes it has to have, if the list says so."""
    mirrors: tuple[str, ...] = ()
    """Other URLs of the same file, in the order in which they are to be tried."""
    headers: tuple[tuple[str, str], ...] = ()
    """Added to each request for this target, as (name, value)."""
    out: str | None = None
    """Where the list wants the file, below the output directory; not yet made safe."""
    input: Mapping[str, Any] | None = None
    """What else the list says of it: passed on to its result."""
    known: Known = Known()

    @property
    def identity(self) -> str:
        """The URL without credentials and fragment: what owns a name and a part."""
        return identity_of(self.url)

    @property
    def length(self) -> Length | None:
        """What the list says of its length."""
        return None if self.size is None else Length(self.size, "the list")

    def at(self, path: str, known: Known) -> Target:
        """The same target with a path of its own, of which so much is known."""
        # Not by `_replace`, which takes twice as long: this is done for each target.
        return Target(
            self.index, self.url, self.origin, path, self.checksum, self.size, self.mirrors,
            self.headers, self.out, self.input, known,
        )  # fmt: skip

    def as_failed(self, failure: Failure, detail: str, attempts: int = 0) -> Result:
        """Its result, where this is what becomes of it after so many attempts."""
        return failed_result(self.index, self.url, failure, detail, self.input, attempts)


@dataclass(slots=True, unsafe_hash=True)  # frozen, each would take twice as long to make
class Result:
    """What became of one input line. Its fields are the keys of a JSON Lines object."""

    index: int
    """Place in the input, from 1."""
    url: str
    """As it was given, but for credentials: those are `***` here and in what follows."""
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
    input: Mapping[str, Any] | None = None
    """What else the list said of the target."""

    def __post_init__(self) -> None:
        self.url = masked_url(self.url)
        if self.final_url:
            self.final_url = masked_url(self.final_url)
        if self.detail:
            self.detail = masked(self.detail)
        if self.input:
            self.input = {
                key: masked(value) if isinstance(value, str) else value
                for key, value in self.input.items()
            }

    @property
    def failed(self) -> bool:
        return self.outcome is Outcome.FAILED


def failed_result(
    index: int,
    url: str,
    failure: Failure,
    detail: str,
    said: Mapping[str, Any] | None = None,
    attempts: int = 0,
) -> Result:
    """The result of what failed before or without an answer. `said`: what else the list says."""
    return Result(
        index, url, Outcome.FAILED, error=failure, detail=detail, attempts=attempts, input=said
    )


Entry = Target | Result
"""What a line of input becomes: something to fetch, or at once a failure."""


class Action(StrEnum):
    """What would be done with a target."""

    FETCH = "fetch"
    REFRESH = "refresh"
    """Ask whether what is there has changed."""
    REPLACE = "replace"
    CHECK = "check"
    """Compare what is there with its checksum, and fetch it if that differs."""
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one entry. Its fields are the keys of a JSON Lines object."""

    index: int
    """Place in the input, from 1."""
    url: str
    """As it was given, but for credentials."""
    action: Action
    path: str | None = None
    """The file, as a path that starts with the output directory."""
    instead_of: str | None = None
    """The path that it would have if that were not another URL's."""
    error: Failure | None = None
    detail: str | None = None
    """Why it would fail, as a sentence for people."""
