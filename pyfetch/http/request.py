"""Requests: one GET with its fields, credentials and cookies."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict

from pyfetch.attempt import RedirectState
from pyfetch.http.adapter import extract_cookies
from pyfetch.http.cookies import cookies_after, cookies_for
from pyfetch.http.credentials import Credentials
from pyfetch.http.given_jars import GivenJars
from pyfetch.http.origin_config import OriginConfig, OriginConfigs
from pyfetch.http.request_defaults import authorizes, fields_by_name, harmless
from pyfetch.http.response import ResponseHead
from pyfetch.models import Failure, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.urls import escape_url

if TYPE_CHECKING:
    from pyfetch.http.digest import DigestLogins

UNAUTHORIZED = 401
_MAX_LOGINS = 3
"""Demands to log in that are answered in a row, at most."""

_PLAIN_URL = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]*)?"
    r"(?:/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@-]*)+"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]+)?"
)
"""URLs that `requests` leaves as they are."""

_ZONE = r"(?<=[/@])\[([0-9A-Fa-f:.]+)%[^\]/?#]*\]"
"""The IPv6 address of an interface (RFC 6874): `[fe80::1%eth0]`."""


class RequestBuilder:
    """Builds the requests of a run; for any thread.

    Raises `UsageError` for a cookie file that cannot be used.
    """

    def __init__(self, settings: Settings, origins: OriginConfigs) -> None:
        self._origins = origins
        self._lock = threading.Lock()
        """Held to make `_digest_logins`."""
        self._digest_logins: DigestLogins | None = None
        self._cookies = GivenJars(settings.cookies)
        self._session = requests.Session()
        # `OriginConfigs` reads the environment, once an origin; `requests` would for each request.
        self._session.trust_env = False
        self._session.headers = origins.session_fields
        self._user = None if settings.user is None else _credentials(settings.user)
        self._authorizes = authorizes(name for name, _ in settings.headers)

    def build(
        self,
        state: RedirectState,
        headers: Mapping[str, str],
        target: Target,
        config: OriginConfig,
    ) -> requests.PreparedRequest:
        """Build the next request of an attempt.

        `headers`: fields for this request alone (a range, conditions). `config`: of the origin.
        Raises `TargetError` for a URL that cannot be requested.
        """
        cookies = None
        if state.cookies or self._cookies.are_given:
            cookies = cookies_for(state.cookies, state.origin, self._given(state, target))
        has_own_fields = cookies is not None or target.headers or state.away or target.takes_login
        url = state.url.text
        if not has_own_fields and config.defaults.login is None and _PLAIN_URL.fullmatch(url):
            return _plain_request(url, config.common_fields, headers)
        auth = self._auth(state, target)
        fields = dict((config.after_redirect if state.away else config.defaults).fields)
        own = fields_by_name(target.headers)
        # Secrets are meant for the target's origin: not for a mirror, or after a redirect.
        fields |= harmless(own) if state.away or state.origin != target.origin else own
        try:
            # If one `%` is no escape, as in a zone, `requests` escapes all of them again.
            url = escape_url(url)
            address, zone = re.search(_ZONE, url), ""
            if address:
                url, zone = url.replace(address[0], f"[{address[1]}]", 1), address[0]
            request = requests.Request("GET", url, headers=fields | dict(headers), auth=auth)
            prepared = self._session.prepare_request(request)
            if address and prepared.url:
                prepared.url = prepared.url.replace(f"[{address[1]}]", zone, 1)
            # The session would copy them into a jar that sends them to subdomains, too.
            prepared.prepare_cookies(cookies)
        except (requests.RequestException, ValueError) as error:
            raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from error
        return prepared

    def cookies_after(
        self,
        state: RedirectState,
        target: Target,
        request: requests.PreparedRequest,
        response: ResponseHead,
    ) -> Mapping[str, CookieJar]:
        """Return the cookies of an attempt with those that this response sets."""
        if "set-cookie" not in response.headers:
            return state.cookies
        sent = cookies_for(state.cookies, state.origin, self._given(state, target))

        def extract(jar: CookieJar) -> None:
            extract_cookies(jar, request, response)

        return cookies_after(state.cookies, state.origin, sent, extract)

    def logs_in(self, state: RedirectState, target: Target, response: ResponseHead) -> bool:
        """Whether to send the last request again, because this response says how to log in."""
        if response.status != UNAUTHORIZED or state.logins == _MAX_LOGINS:
            return False
        login = self._login(state, target)
        fields = response.headers.get_all("WWW-Authenticate")
        if login is None or not fields:
            return False
        with self._lock:
            if self._digest_logins is None:
                from pyfetch.http.digest import DigestLogins

                self._digest_logins = DigestLogins()
        return self._digest_logins.learn(state.origin, login, fields, repeated=state.logins > 0)

    def _given(self, state: RedirectState, target: Target) -> CookieJar | None:
        """The cookies of the settings that this request may have."""
        if self._cookies.of_first_origin and _is_for_first_origin(state, target):
            return self._cookies.with_first_origin(state.origin)
        return self._cookies.of_domains

    def _auth(self, state: RedirectState, target: Target) -> AuthBase | None:
        """The login of the next request: Digest if the server has demanded that, else Basic."""
        login = self._login(state, target)
        if login is None:
            return None
        if self._digest_logins is not None:
            digest = self._digest_logins.auth(state.origin, login)
            if digest:
                return digest
        return HTTPBasicAuth(login.user, login.password)

    def _login(self, state: RedirectState, target: Target) -> Credentials | None:
        """User and password of the URL, else those of the settings or netrc if no field has any.

        They are sent in UTF-8 (RFC 7617, section 2.1).
        """
        userinfo = state.url.userinfo
        if userinfo is not None:
            user, _, password = userinfo.partition(":")
            login = Credentials(unquote_to_bytes(user), unquote_to_bytes(password))
            return login if userinfo else None
        has_authorization = authorizes(name for name, _ in target.headers)
        if self._user and _is_for_first_origin(state, target):
            return None if self._authorizes or has_authorization else self._user
        config = self._origins.of(state.url)
        entry = (config.after_redirect if state.away else config.defaults).login
        if entry is None or (has_authorization and not state.away):
            return None
        return Credentials(entry.user.encode(), entry.password.encode())


def _is_for_first_origin(state: RedirectState, target: Target) -> bool:
    """Whether a request may have what the settings have for the first URL's origin alone."""
    return target.takes_login and state.origin == target.origin and not state.away


class _PlainRequest(requests.PreparedRequest):
    """A request without a body, hooks or cookies, which costs less to make."""

    body = _body_position = _cookies = None
    hooks = default_hooks()

    def __init__(self) -> None:
        pass


def _plain_request(
    url: str, fields: CaseInsensitiveDict[str | bytes], headers: Mapping[str, str]
) -> requests.PreparedRequest:
    """What `requests` would make of a plain URL, without the time that it takes."""
    request = _PlainRequest()
    request.method = "GET"
    request.url = url
    request.headers = fields
    if headers:
        request.headers = request.headers.copy()
        request.headers.update(headers)
    return request


def _credentials(text: str) -> Credentials:
    user, _, password = text.partition(":")
    return Credentials(user.encode(), password.encode())
