"""What is asked of a host: one GET with its fields, credentials and cookies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import unquote_to_bytes

import requests
from requests.auth import HTTPBasicAuth
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict

from pyfetch.attempt import RedirectState
from pyfetch.http.credentials import cookie_jar, cookies_in
from pyfetch.http.origin_config import AllSurroundings
from pyfetch.models import Failure, Target, TargetError
from pyfetch.settings import Settings

_HARMLESS = frozenset(
    {"accept", "accept-language", "cache-control", "dnt", "pragma", "referer", "user-agent"}
)
"""Fields that a user may have added and that go along to another origin: any other one may be a
key to the one that it was meant for."""

_PLAIN_URL = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]*)?"
    r"(?:/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@-]*)+"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]+)?"
)
"""URLs that `requests` would leave as they are."""


class Asking:
    """Makes the requests of a run; for any thread.

    Raises `UsageError` for a file of cookies that cannot be used.
    """

    def __init__(self, settings: Settings, user_agent: str, surroundings: AllSurroundings) -> None:
        self._surroundings = surroundings
        self._cookies = cookies_in(settings.cookies) if settings.cookies else None
        self._session = requests.Session()
        self._session.trust_env = False  # it would look for each URL anew; see surroundings
        # What is saved is what the server has: bytes, not what they decode to.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["User-Agent"] = user_agent
        self._fields = _joined(settings.headers)
        self._gives_credentials = any(name.lower() == "authorization" for name in self._fields)
        # The same for all URLs that have nothing of their own.
        self._all_fields: CaseInsensitiveDict[str | bytes] = CaseInsensitiveDict(
            {**self._session.headers, **self._fields}
        )

    def request(
        self, chain: RedirectState, headers: Mapping[str, str], target: Target
    ) -> requests.PreparedRequest:
        """The next request of a chain, with fields that this one needs (a range, conditions).

        Raises `TargetError` for a URL that cannot be asked for.
        """
        cookies = chain.cookies.get(chain.origin, self._cookies)
        nothing_of_its_own = cookies is None and not target.headers and not chain.away
        if (
            nothing_of_its_own
            and self._surroundings.of(chain.url.text, chain.origin).login is None
            and _PLAIN_URL.fullmatch(chain.url.text)
        ):
            return self._plain(chain.url.text, headers)
        auth = self._auth(chain, target)
        own = target.headers
        if chain.origin != target.origin:  # a mirror: what they hold was meant for another
            own = tuple((name, value) for name, value in own if name.lower() in _HARMLESS)
        fields = self._fields | _joined(own)
        if chain.away:
            fields = {name: value for name, value in fields.items() if name.lower() in _HARMLESS}
        try:
            request = requests.Request(
                "GET", chain.url.text, headers=fields | dict(headers), auth=auth
            )
            prepared = self._session.prepare_request(request)
            # Not by the session, which would put them into a jar that knows no policy.
            prepared.prepare_cookies(cookies)
        except (requests.RequestException, ValueError) as error:
            raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from error
        return prepared

    def cookies_after(
        self, chain: RedirectState, request: requests.PreparedRequest, answer: requests.Response
    ) -> Mapping[str, CookieJar]:
        """The cookies of the chain, with those that this answer sets."""
        if "Set-Cookie" not in answer.headers:
            return chain.cookies
        before = chain.cookies.get(chain.origin, self._cookies)
        cookies = cookie_jar()
        if before is not None:
            cookies.update(before)
        extract_cookies_to_jar(cookies, request, _Answered(answer.raw.headers))
        return {**chain.cookies, chain.origin: cookies}

    def _plain(self, url: str, headers: Mapping[str, str]) -> requests.PreparedRequest:
        """What `requests` would make of it, which is the same for all plain URLs."""
        request = requests.PreparedRequest()
        request.method = "GET"
        request.url = url
        request.headers = self._all_fields
        if headers:
            request.headers = request.headers.copy()
            request.headers.update(headers)
        return request

    def _auth(self, chain: RedirectState, target: Target) -> HTTPBasicAuth | None:
        """From the URL, or the netrc file where no header says it; UTF-8 (RFC 7617, 2.1)."""
        userinfo = chain.url.userinfo
        if userinfo is not None:
            user, _, password = userinfo.partition(":")
            known = HTTPBasicAuth(unquote_to_bytes(user), unquote_to_bytes(password))
            return known if userinfo else None
        login = self._surroundings.of(chain.url.text, chain.origin).login
        if login is None or (not chain.away and self._has_credentials(target)):
            return None
        # A redirect may lead to a host that the file names, as to the one where one logs in;
        # but nobody may send the password where all can read it, or ask for it at a port
        # of his choice.
        safe = chain.origin.startswith("https:") and chain.origin.endswith(":443")
        if chain.away and not (login.named and safe):
            return None
        return HTTPBasicAuth(login.user.encode(), login.password.encode())

    def _has_credentials(self, target: Target) -> bool:
        return self._gives_credentials or any(
            name.lower() == "authorization" for name, _ in target.headers
        )


class _Answered:
    """Fields, where `requests` looks for them when it extracts cookies."""

    def __init__(self, fields: Any) -> None:
        self._original_response = self
        self.msg = fields


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Fields by name; of one name with several values, one with a list (RFC 9110, 5.3)."""
    fields: dict[str, str] = {}
    for name, value in headers:
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
