"""Values that rooms pass to each other: frozen, slotted, picklable, without secrets in `repr`."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pyfetch.checksum import Checksum
from pyfetch.facts import UNKNOWN, Known
from pyfetch.text import masked, masked_value
from pyfetch.timing import Timing
from pyfetch.urls import Url, is_url, masked_url


class IfExists(StrEnum):
    """What to do when a target's file is there already."""

    REFRESH = "refresh"
    """Ask the server whether it has changed, and fetch it if it has."""
    SKIP = "skip"
    """Leave it, without a request."""
    REPLACE = "replace"
    """Fetch it again."""
    RENAME = "rename"
    """Leave it, and save the new file under a name with a number."""
    FAIL = "fail"


class Outcome(StrEnum):
    """What became of a target."""

    FETCHED = "fetched"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


_FAILED = Outcome.FAILED
"""Looked up once: a member of an enum takes thirty times as long as a global name."""


class Change(StrEnum):
    """What a file that was fetched is beside what had its name before."""

    NEW = "new"
    """Nothing had its name."""
    CHANGED = "changed"
    SAME = "same"
    """It has the same bytes as the file that pyfetch had put there."""


class Failure(StrEnum):
    """Why a target failed. Tables, JSON, the state and retries all use these codes."""

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
    EXEC = "exec"
    MAP = "map"
    WORKER = "worker"
    """The processes that had it ended, one after the other."""
    CANCELLED = "cancelled"
    INTERNAL = "internal"

    @property
    def of_transfer(self) -> bool:
        """Whether the file did not come, or not whole; else it did, and computing failed."""
        return self not in (Failure.EXEC, Failure.MAP)


class HostSignal(StrEnum):
    """What one attempt tells about the host."""

    ANSWERED = "answered"
    PUSHED_BACK = "pushed back"
    """It answered that it gets too many requests."""
    UNREACHED = "unreached"
    """Its name was not found, or no connection was made."""
    SILENT = "silent"
    """It accepted the connection and did not answer in time."""
    NONE = "none"
    """The attempt tells nothing about it."""
    NOT_ASKED = "not asked"


class TargetError(Exception):
    """One target failed. The attempt at it ends with a failed `Result`; the run goes on."""

    def __init__(self, failure: Failure, detail: str, sign: HostSignal = HostSignal.NONE) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail
        """What went wrong, as a sentence for people."""
        self.sign = sign
        """What this tells about the host, if there is no answer that tells more."""


class Length(NamedTuple):
    """How many bytes a body must have, and who says so."""

    size: int
    said_by: str


class Target(NamedTuple):
    """One file to fetch."""

    # A frozen dataclass would take three times as long to make; two are made for each URL.

    index: int  # type: ignore[assignment] # nobody needs the method of a tuple
    """Place in the input, from 1."""
    url: Url
    path: str | None = None
    """Path of the file, below the output directory; None while it has no name."""
    checksum: Checksum | None = None
    """The digest that the body must have, by the list."""
    size: int | None = None
    """Bytes that the body must have, by the list."""
    mirrors: tuple[Url, ...] = ()
    """Other URLs of the same file, in the order in which to try them."""
    headers: tuple[tuple[str, str], ...] = ()
    """Name and value of the fields to add to each request for this target; may be secret."""
    out: str | None = None
    """Path below the output directory that the list demands; not yet made safe."""
    input: Mapping[str, Any] | None = None
    """Everything else in the list about this target, for its result."""
    known: Known = UNKNOWN
    if_exists: IfExists | None = None
    """What to do if its file is there already; None: what the settings say."""
    takes_login: bool = False
    """Whether what the settings have for the first URL's origin alone is meant for its origin:
    user and password (`--user`), cookies of a mapping."""

    @property
    def origin(self) -> str:
        """`scheme://host:port` of the URL."""
        return self.url.origin

    @property
    def identity(self) -> str:
        """What the state knows the URL by: see `Url.identity`."""
        return self.url.identity

    def ignoring(self, parameters: Sequence[str]) -> "Target":
        """The same target, with URLs whose identities leave out these query parameters."""
        return self._replace(
            url=self.url.ignoring(parameters),
            mirrors=tuple(mirror.ignoring(parameters) for mirror in self.mirrors),
        )

    @property
    def length(self) -> Length | None:
        """The length that the list demands of the body."""
        return None if self.size is None else Length(self.size, "the list")

    def at(self, path: str, known: Known) -> "Target":
        """The same target with a path, and what is known about the file there."""
        # `_replace` takes twice as long, and each target passes here.
        return Target(
            self.index, self.url, path, self.checksum, self.size, self.mirrors, self.headers,
            self.out, self.input, known, self.if_exists, self.takes_login,
        )  # fmt: skip

    def as_failed(self, failure: Failure, detail: str, attempts: int = 0) -> "Result":
        """The result of this target if it fails after so many attempts."""
        return failed_result(self.index, str(self.url), failure, detail, self.input, attempts)

    def __repr__(self) -> str:
        fields = ", ".join(name for name, _ in self.headers)
        return (
            f"Target({self.index}, {str(self.url)!r}, path={self.path!r}, known={self.known}"
            + (f", mirrors={[str(mirror) for mirror in self.mirrors]}" if self.mirrors else "")
            + (f", {self.checksum}" if self.checksum else "")
            + (f", headers=<{fields}>" if fields else "")
            + ")"
        )


class ResultFields(NamedTuple):
    """The fields of a `Result`."""

    # A frozen dataclass would take six times as long to make, and each URL has a result.

    index: int  # type: ignore[assignment] # nobody needs the method of a tuple
    """Place in the input, from 1."""
    url: str
    """The URL as the list has it."""
    outcome: Outcome
    final_url: str | None = None
    """The URL that answered, after redirects."""
    status: int | None = None
    """Status code of the last answer (RFC 9110, section 15)."""
    size: int | None = None
    """Length of the whole body or file, in bytes; of what it decodes to, if it was decoded."""
    file: str | None = None
    """The file, as a path that starts with the output directory: the text of `path`."""
    error: Failure | None = None
    detail: str | None = None
    """What went wrong, as a sentence for people."""
    attempts: int = 0
    """Attempts that sent a request."""
    elapsed: float = 0.0
    """Seconds from the start of the first attempt to the end of the last one, including waits."""
    content_type: str | None = None
    content_encoding: str | None = None
    """Coding of the body (RFC 9110, section 8.4). It is saved as it comes, or decoded."""
    coded_size: int | None = None
    """Length of the body as it came, in bytes, where it was decoded; None: it was not."""
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    """Digest of the file, in hexadecimal digits; None if it is not known."""
    input: Mapping[str, Any] | None = None
    """Everything else in the list about this target."""
    backup_file: str | None = None
    """Where the file is kept that was there and is not pyfetch's: the text of `backup`."""
    change: Change | None = None
    """What a file that was fetched is beside the one that was there; None: nothing was kept."""
    resumed: int = 0
    """Bytes of the file that were there before this run asked for it."""
    kept: int = 0
    """Bytes of a failed target that are kept as a part, to go on from in another run."""
    timing: Timing | None = None
    """When what happened; None where no attempt was made."""
    http_version: str | None = None
    """Version of HTTP of the last answer: `1.1`, `2` and so on."""
    value: Any = None
    """What the function has returned for the file (`--map`), as JSON can have it."""


class Result(ResultFields):
    """What became of one entry. Its fields are the keys of JSON Lines.

    There, `path` and `backup` stand for the fields that have their texts.

    Users, passwords and signatures of URLs are replaced by `***` when a result is made.
    """

    __slots__ = ()

    def __new__(cls, *values: Any, **named: Any) -> "Result":
        """Make a result whose texts hold no secret."""
        made = super().__new__(cls, *values, **named)
        url, final_url = made.url, made.final_url
        has_secret = _may_hold_secret(url)
        if has_secret:
            made = made._replace(url=masked_url(url))
        if final_url is not url:
            has_secret = final_url is not None and _may_hold_secret(final_url)
        if has_secret and final_url:
            made = made._replace(final_url=masked_url(final_url))
        if made.detail:
            made = made._replace(detail=masked(made.detail))
        if made.input:
            made = made._replace(input=masked_value(made.input))
        return made

    @property
    def path(self) -> Path | None:
        """The file, as a path that starts with the output directory."""
        return None if self.file is None else Path(self.file)

    @property
    def backup(self) -> Path | None:
        """Where the file is kept that was there and is not pyfetch's, as `path` is."""
        return None if self.backup_file is None else Path(self.backup_file)

    @property
    def failed(self) -> bool:
        return self.outcome is _FAILED

    @property
    def received(self) -> int:
        """Bytes of the body that have come over the network in this run, if it was fetched."""
        if self.coded_size is not None:
            return self.coded_size
        return (self.size or 0) - self.resumed

    @property
    def ok(self) -> bool:
        """Whether the body came whole, or the file was there: fetched, unchanged or skipped."""
        return self.outcome is not _FAILED

    def with_value(self, value: Any, file: str | None) -> "Result":
        """The same result after its file was computed; `file`: where it is, unless it is gone."""
        return self._replace(value=value, file=file)

    def not_computed(self, failure: Failure, detail: str) -> "Result":
        """The same result if its file was fetched, and could not be computed."""
        return self._replace(outcome=Outcome.FAILED, error=failure, detail=masked(detail))

    def raise_for_status(self) -> "Result":
        """Return the same result. Raises `FetchError`, which carries it, if the URL failed."""
        if self.failed:
            raise FetchError(self, f"{self.error}: {self.detail}")
        return self

    def open(self) -> BinaryIO:
        """Open the file for reading bytes. Raises `OSError`, and as `raise_for_status`."""
        return self._file().open("rb")

    def read_bytes(self) -> bytes:
        """Return the whole file: without `compressed`, as the server sent it.

        Raises `OSError`, and `FetchError` if the URL failed or its file was not kept.
        """
        return self._file().read_bytes()

    def read_text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Return the whole file as text.

        Without `encoding`, by its byte order mark, else by the charset of its media type, else
        as UTF-8. Raises as `read_bytes`, and `UnicodeDecodeError`, or `LookupError` for a
        charset that Python does not know.
        """
        from pyfetch.encoding import text_encoding

        content = self.read_bytes()
        return content.decode(encoding or text_encoding(content, self.content_type), errors)

    def json(self) -> Any:
        """Return the value that the file has in JSON. Raises as `read_bytes`, and `ValueError`."""
        import json

        return json.loads(self.read_bytes())

    def _file(self) -> Path:
        self.raise_for_status()
        if self.file is None:
            raise FetchError(self, "its file was not kept (discard=True or keep=False)")
        if is_url(self.file):
            raise FetchError(self, f"it is no file here: read {self.file} from its bucket")
        path = Path(self.file)
        if path.parent.is_file():
            raise FetchError(self, f"it is a member of a pack: read {path.name} from {path.parent}")
        return path


def _may_hold_secret(url: str) -> bool:
    # Most URLs have neither an `@` nor a parameter, and each result passes here.
    return "@" in url or "=" in url or "%3" in url


class FetchError(Exception):
    """A URL failed, or its file was not kept. `result` says what became of it."""

    def __init__(self, result: Result, why: str) -> None:
        super().__init__(result, why)
        self.result = result

    def __str__(self) -> str:
        return f"{self.result.url}: {self.args[1]}"


def failed_result(
    index: int,
    url: str,
    failure: Failure,
    detail: str,
    said: Mapping[str, Any] | None = None,
    attempts: int = 0,
) -> Result:
    """A failed result without an answer. `said`: everything else in the list about the entry."""
    return Result(
        index, url, Outcome.FAILED, error=failure, detail=detail, attempts=attempts, input=said
    )


Entry = Target | Result
"""A record of the input: a file to fetch, or a failed result if it cannot be fetched."""
