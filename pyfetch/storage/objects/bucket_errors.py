"""What an error of a server of buckets means: for the run, or for one URL. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from pyfetch.errors import StoppedError
from pyfetch.http.s3_errors import code_of
from pyfetch.models import Failure, TargetError
from pyfetch.text import masked

_STATUS = re.compile(r"status code: (\d{3})")
_WHY = re.compile(r"<Message>([^<]{1,200})</Message>")
_OF_ALL_OBJECTS = frozenset({
    "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidBucketName", "InvalidToken",
    "NoSuchBucket", "TokenRefreshRequired",
})  # fmt: skip
"""Codes whose status is 4xx, and which say nothing of the one object."""
_FULL = re.compile("Quota|StorageFull|InsufficientStorage")
_ASKED = re.compile(r"performing [A-Z]+ (\w+://[^/\s]+)")
_NO_ANSWER = re.compile(r"HttpError \{\s*kind: (\w+)")
_CONNECTED_TO = re.compile(r'ConnectError\(\s*"[^"]*",\s*([^\s,]+:\d+),')
_INNERMOST = re.compile(r'(?:message|error): "([^"]{1,200})"')
_OF_THE_MACHINE = "169.254."
"""Where the addresses begin at which clouds give keys to a machine (link-local, RFC 3927)."""
_LOOK_AT_ENDPOINT = "check the endpoint and the network"
_LOOK_AT_TRUST = "name the file of its authority in SSL_CERT_FILE if you trust it"
_CERTIFICATE = "its certificate is refused: "
_WHY_NOT_REACHED = (
    ("ConnectionRefused", "{} refuses connections", _LOOK_AT_ENDPOINT),
    ("dns error", "the host's name was not found", _LOOK_AT_ENDPOINT),
    ("UnknownIssuer", f"{_CERTIFICATE}its issuer is unknown here", _LOOK_AT_TRUST),
    ("CaUsedAsEndEntity", f"{_CERTIFICATE}it is self-signed", _LOOK_AT_TRUST),
    ("NotValidForName", f"{_CERTIFICATE}it is for another host", _LOOK_AT_ENDPOINT),
    ("NotValidYet", f"{_CERTIFICATE}it is not valid yet", "check this machine's clock"),
    ("Expired", f"{_CERTIFICATE}it has expired", "have it renewed, or check this machine's clock"),
    ("InvalidCertificate", f"{_CERTIFICATE}it cannot be verified", _LOOK_AT_TRUST),
    ("InvalidMessage|InvalidContentType", "it does not speak TLS", "is its endpoint http://?"),
    ("NetworkUnreachable|HostUnreachable", "there is no way to {}", _LOOK_AT_ENDPOINT),
    ("TimedOut|kind: Timeout", "no answer in time", _LOOK_AT_ENDPOINT),
    (
        "ConnectionReset|BrokenPipe|ConnectionAborted|UnexpectedEof|IncompleteMessage",
        "the connection was closed", _LOOK_AT_ENDPOINT,
    ),
)  # fmt: skip
"""What an error of `obstore` has, what that means for people, and what they can do."""


class Unreached(NamedTuple):
    """Why nothing has answered a request."""

    why: str
    """A sentence that says which server it is."""
    advice: str
    """What to do, as an imperative."""


def why_unreached(text: str) -> Unreached | None:
    """Why nothing has answered, as an error of `obstore` says; None: something has."""
    asked = _ASKED.search(text)
    server = masked(asked[1]) if asked else "the server"
    if f"//{_OF_THE_MACHINE}" in server:
        return Unreached(
            f"there are no keys in options, environment or profile, and {server} gives none to"
            " this machine", "say which keys to use",
        )  # fmt: skip
    failed = _NO_ANSWER.search(text)
    if failed is None:
        return None
    said = text[failed.start() :]
    connected = _CONNECTED_TO.search(said)
    for pattern, meaning, advice in _WHY_NOT_REACHED:
        if re.search(pattern, said):
            is_other = connected and not server.endswith(f"/{connected[1]}")  # as of a proxy
            why = meaning.format(connected[1] if connected and is_other else "it")
            return Unreached(f"{server} cannot be reached: {why}", advice)
    innermost = _INNERMOST.findall(said)
    why = masked(innermost[-1]) if innermost else failed[1]
    return Unreached(f"{server} cannot be reached: {why}", _LOOK_AT_ENDPOINT)


def is_busy(text: str) -> bool:
    """Whether a server has answered that the same request may succeed later."""
    status = _STATUS.search(text)
    return status is not None and (status[1] in ("408", "429") or status[1] >= "500")


class ConditionFailed(Exception):  # noqa: N818 - an answer, not an error
    """The object is there though it must not be, or is another version than it must be."""


def meaning_of(
    shown: str, text: str, *, writes: bool, is_denied: bool = False
) -> StoppedError | TargetError:
    """The error for what a server or its client has said of an object."""
    what = f"cannot {'write' if writes else 'read'} {shown}: "
    unreached = why_unreached(text)
    if unreached:
        return StoppedError(
            f"{what}{unreached.why} ({unreached.advice}, and run the same command again to go on)"
        )
    status, code, why = _STATUS.search(text), code_of(text), _WHY.search(text)
    number = int(status[1]) if status else 0
    parts = (f"HTTP {number}" if number else "", code, f"({masked(why[1])})" if why else "")
    said = " ".join(part for part in parts if part)
    if number == 507 or _FULL.search(code):
        return StoppedError(
            f"{what}{said} (the bucket is full: make room, and run the same command again to go on)"
        )
    if is_denied:
        return StoppedError(
            f"{what}access denied{f', {said}' if said else ''} (check the credentials and what they"
            " allow, and run the same command again)"
        )
    if 400 <= number < 500 and number not in (408, 429) and code not in _OF_ALL_OBJECTS:
        return TargetError(Failure.DISK, f"{what}{said}")
    said = said or masked(_first_cause(text))
    return StoppedError(f"{what}{said} (run the same command again to go on)")


def _first_cause(text: str) -> str:
    line = text.splitlines()[0] if text else "no answer"
    return line if len(line) <= 300 else f"{line[:300]}…"
