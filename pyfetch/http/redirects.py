"""Redirects: where one leads, and whether it may be followed (RFC 9110, section 15.4).

pyfetch follows them itself, since `requests` would first read the whole body of each response.
"""

from __future__ import annotations

from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from requests.utils import requote_uri

from pyfetch.attempt import RedirectState
from pyfetch.http.response import Response
from pyfetch.models import Failure, HostSignal, TargetError
from pyfetch.settings import Settings
from pyfetch.urls import DEFAULT_PORTS, masked_url, origin_of

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def location_of(response: Response) -> str | None:
    """Return the `Location` of a redirect; None for any other response. Raises `TargetError`."""
    location = response.headers.get("Location")
    if location is None or response.status not in _REDIRECTS:
        return None
    try:
        # Fields are decoded as Latin-1, but URLs beyond ASCII are UTF-8.
        return location.encode("latin-1").decode()
    except UnicodeError as error:
        detail = f"redirect to {masked_url(location)!r}, which is not UTF-8"
        raise TargetError(Failure.INVALID_URL, detail) from error


def follow(state: RedirectState, location: str, settings: Settings) -> RedirectState:
    """Return the state after a redirect. Raises `TargetError` for one that is not followed."""
    limit = settings.max_redirects
    if state.followed == limit:
        detail = f"more than {limit} redirects, the last to {state.url}"
        raise TargetError(Failure.TOO_MANY_REDIRECTS, detail, HostSignal.ANSWERED)
    url = resolve(state.url, location)
    origin = origin_of(url)
    if settings.no_downgrade and _is_secure(state.origin) and not _is_secure(origin):
        detail = f"redirect from https to {url}, which --no-downgrade forbids"
        raise TargetError(Failure.FORBIDDEN_ADDRESS, detail, HostSignal.ANSWERED)
    away = state.away or origin != state.origin
    return state._replace(url=url, origin=origin, followed=state.followed + 1, away=away)


def request_key(state: RedirectState, request: requests.PreparedRequest) -> tuple[str, str]:
    """Return what makes a request: URL and cookies. Two with the same key get the same response."""
    return state.url, str(request.headers.get("Cookie"))


def refuse_loop(state: RedirectState, request: requests.PreparedRequest) -> None:
    """Raise `TargetError` if the attempt has sent this request before."""
    if state.asked and request_key(state, request) in state.asked:
        detail = f"the redirects go round in a loop: {state.url} again"
        raise TargetError(Failure.TOO_MANY_REDIRECTS, detail, HostSignal.ANSWERED)


def resolve(url: str, location: str) -> str:
    """Resolve a `Location` against the URL of its response (RFC 9110, section 10.2.2).

    Raises `TargetError` if the result is no http or https URL.
    """
    try:
        target, fragment = urldefrag(requote_uri(urljoin(url, location)))
        target = _with_user_of(url, target)
        if urlsplit(target).scheme not in DEFAULT_PORTS:
            detail = f"redirect to {masked_url(target)}, which is neither http nor https"
            raise TargetError(Failure.UNSUPPORTED_SCHEME, detail)
        origin_of(target)
    except ValueError as error:
        # The text of the error is not shown: it may quote a password.
        detail = f"redirect to {masked_url(location)!r}, which is no URL with a host and a port"
        raise TargetError(Failure.INVALID_URL, detail) from error
    fragment = fragment or urldefrag(url).fragment
    return f"{target}#{fragment}" if fragment else target


def _with_user_of(url: str, target: str) -> str:
    """The target with the user and password of a URL of the same origin."""
    before, after = urlsplit(url), urlsplit(target)
    user, at, _ = before.netloc.rpartition("@")
    if at and "@" not in after.netloc and origin_of(target) == origin_of(url):
        return after._replace(netloc=f"{user}@{after.netloc}").geturl()
    return target


def _is_secure(origin: str) -> bool:
    return origin.startswith("https:")  # the scheme of an origin is in lower case
