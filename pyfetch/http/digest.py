"""Digest log-ins (RFC 7616): answers the challenge of an origin, and remembers it for the run.

Loaded only where a server asks for one.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from requests import PreparedRequest
from requests.auth import AuthBase

from pyfetch.http.credentials import Credentials
from pyfetch.http.route import request_target

_LONGEST_CHALLENGE = 8 * 1024
"""Longest field `WWW-Authenticate` that is read, in characters."""
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"  # noqa: S105 - RFC 9110, section 5.6.2
# Each match begins where a token begins, so all of them together take linear time.
_PARAMETER = re.compile(
    rf"(?<!{_TOKEN})(?:({_TOKEN}++)[ \t]+)?({_TOKEN}++)[ \t]*=[ \t]*"
    rf'(?:"((?:[^"\\]|\\.)*+)"|({_TOKEN}++))'
)
_SCHEME_ALONE = re.compile(rf"(?<!{_TOKEN}){_TOKEN}++(?=[ \t]*(?:,|\Z))")
_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_SESSION = "-SESS"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What an origin demands (RFC 7616, section 3.3)."""

    realm: str
    nonce: str
    algorithm: str
    """As the server writes it: `MD5`, `SHA-256-sess` and so on."""
    opaque: str | None
    has_qop: bool
    """Whether the answer has a request counter; servers older than RFC 2617 know none."""
    hashes_user: bool
    is_stale: bool
    """Whether the login before was right, except that its nonce has expired."""

    def answer(self, login: Credentials, target: str, count: int, client_nonce: str) -> str:
        """Return the value of `Authorization` for a GET (RFC 7616, section 3.4).

        `count`: how many requests have used this nonce, including this one.
        """
        user_realm = login.user + b":" + self.realm.encode("latin-1")
        secret = self._hash(user_realm + b":" + login.password)
        if self.algorithm.upper().endswith(_SESSION):
            secret = self._hash(f"{secret}:{self.nonce}:{client_nonce}".encode("latin-1"))
        counted = f"{count:08x}:{client_nonce}:auth:" if self.has_qop else ""
        request = self._hash(f"GET:{target}".encode("latin-1"))
        response = self._hash(f"{secret}:{self.nonce}:{counted}{request}".encode("latin-1"))
        parts = [
            self._named(login.user, user_realm),
            f"realm={_quoted(self.realm)}",
            f"nonce={_quoted(self.nonce)}",
            f"uri={_quoted(target)}",
            f'response="{response}"',
            f"algorithm={self.algorithm}",
        ]
        if self.opaque is not None:
            parts.append(f"opaque={_quoted(self.opaque)}")
        if self.has_qop:
            parts.append(f'qop=auth, nc={count:08x}, cnonce="{client_nonce}"')
        return "Digest " + ", ".join(parts)

    def _named(self, user: bytes, user_realm: bytes) -> str:
        if self.hashes_user:
            return f'username="{self._hash(user_realm)}", userhash=true'
        if user.isascii():
            return f"username={_quoted(user.decode())}"
        return f"username*=UTF-8''{quote(user, safe='')}"  # RFC 8187

    def _hash(self, data: bytes) -> str:
        name = _ALGORITHMS[self.algorithm.upper().removesuffix(_SESSION)]
        return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_challenges(fields: Sequence[str]) -> tuple[Challenge | None, bool]:
    """Return the first Digest challenge that can be answered, and whether Basic will do, too.

    `fields` are the values of `WWW-Authenticate` (RFC 9110, section 11.6.1), of which each may
    have several challenges.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for value in fields:
        if len(value) > _LONGEST_CHALLENGE:
            continue
        for match in _PARAMETER.finditer(value):
            scheme, name, quoted, token = match.groups()
            if scheme:
                found.append((scheme.lower(), {}))
            if found:
                text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
                found[-1][1].setdefault(name.lower(), text)
        found += [(match[0].lower(), {}) for match in _SCHEME_ALONE.finditer(value)]
    challenges = (_challenge(parameters) for scheme, parameters in found if scheme == "digest")
    offers_basic = any(scheme == "basic" for scheme, _ in found)
    return next((one for one in challenges if one), None), offers_basic


def _challenge(parameters: dict[str, str]) -> Challenge | None:
    """None for one that cannot be answered."""
    algorithm = parameters.get("algorithm", "MD5")
    qop = parameters.get("qop")
    name = _ALGORITHMS.get(algorithm.upper().removesuffix(_SESSION))
    if name not in hashlib.algorithms_available or "nonce" not in parameters:
        return None
    if qop is not None and "auth" not in re.split(r"[ \t]*,[ \t]*", qop.strip().lower()):
        return None  # `auth-int` hashes the body of a request, and a GET has none
    return Challenge(
        parameters.get("realm", ""),
        parameters["nonce"],
        algorithm,
        parameters.get("opaque"),
        has_qop=qop is not None,
        hashes_user=parameters.get("userhash", "").lower() == "true",
        is_stale=parameters.get("stale", "").lower() == "true",
    )


class _Auth(AuthBase):
    """Puts the answer to a challenge into a request, as `requests` calls it."""

    def __init__(self, challenge: Challenge, login: Credentials, count: int) -> None:
        self._challenge, self._login, self._count = challenge, login, count

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        target = request_target(r.url or "")
        answer = self._challenge.answer(self._login, target, self._count, os.urandom(16).hex())
        r.headers["Authorization"] = answer
        return r


class DigestLogins:
    """The challenges of a run, by origin and log-in; for any thread.

    A nonce is used for all further requests, with a counter (RFC 7616, section 3.6): only the
    first request to an origin has to be sent twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, Credentials], tuple[Challenge, int]] = {}
        """Each challenge, and how often it was answered."""

    def auth(self, origin: str, login: Credentials) -> AuthBase | None:
        """Return what adds the login to a request; None if no Digest login was demanded so far."""
        if not self._known:
            return None
        with self._lock:
            known = self._known.get((origin, login))
            if known is None:
                return None
            challenge, count = known[0], known[1] + 1
            self._known[origin, login] = challenge, count
        return _Auth(challenge, login, count)

    def learn(
        self, origin: str, login: Credentials, fields: Sequence[str], *, repeated: bool
    ) -> bool:
        """Take in the challenges of a 401. Returns whether the request should be sent again.

        `repeated`: the request has answered a challenge already. Then the user or password is
        wrong, unless the server says that the nonce was stale.
        """
        challenge, offers_basic = parse_challenges(fields)
        with self._lock:
            if challenge is None:
                was_known = self._known.pop((origin, login), None)
                return was_known is not None and offers_basic and not repeated
            known = self._known.get((origin, login))
            # Several threads may get the same nonce: do not start its counter again.
            count = known[1] if known and known[0].nonce == challenge.nonce else 0
            self._known[origin, login] = challenge, count
        return challenge.is_stale or not repeated
