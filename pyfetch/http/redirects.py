"""Redirects: where one leads, and whether it may be followed (RFC 9110, section 15.4).

pyfetch follows them itself, as `requests` would read the whole body of each response first.
"""

from __future__ import annotations

import re
from urllib.parse import urldefrag, urljoin

import requests

from pyfetch.attempt import RedirectState
from pyfetch.http.response import ResponseHead
from pyfetch.models import Failure, HostSignal, TargetError
from pyfetch.settings import Settings
from pyfetch.urls import UnsupportedScheme, Url, escape_url, masked_url, parse_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})


_BEYOND_ASCII = r"[\x80-\xff]"
_NO_HOST = r"(?i)(?:https?:)?//(?:[/?#]|\Z)"
"""`http:////host/` and the like: `urljoin` would take it for a path on the same host."""
_LONGEST_SHOWN = 500
"""Most characters of a `Location` that a message shows."""


def location_of(response: ResponseHead) -> str | None:
    """Return the `Location` of a redirect; None for any other response. Raises `TargetError`."""
    if response.status not in REDIRECTS:
        return None
    found = response.headers.get_all("Location")
    if not found:
        return None
    location, *others = found
    for other in others:
        if other != location:
            detail = f"redirect to both {_shown(location)!r} and {_shown(other)!r}"
            raise TargetError(Failure.WRONG_CONTENT, detail)
    try:
        # Fields are decoded as Latin-1, but URLs beyond ASCII are mostly UTF-8.
        return location.encode("latin-1").decode()
    except UnicodeError:
        return re.sub(_BEYOND_ASCII, lambda byte: f"%{ord(byte[0]):02X}", location)


def _shown(location: str) -> str:
    shown = masked_url(location)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def follow(state: RedirectState, location: str, settings: Settings) -> RedirectState:
    """Return the state after a redirect. Raises `TargetError` for one that is not followed."""
    limit = settings.max_redirects
    if state.followed == limit:
        detail = f"more than {limit} redirects, the last to {state.url}"
        raise TargetError(Failure.TOO_MANY_REDIRECTS, detail, HostSignal.ANSWERED)
    url = resolve(state.url, location)
    if settings.no_downgrade and state.url.scheme == "https" and url.scheme != "https":
        detail = f"redirect from https to {url}, which --no-downgrade forbids"
        raise TargetError(Failure.FORBIDDEN_ADDRESS, detail, HostSignal.ANSWERED)
    away = state.away or url.origin != state.origin
    return state._replace(url=url, followed=state.followed + 1, away=away, logins=0)


def request_key(state: RedirectState, request: requests.PreparedRequest) -> tuple[str, str]:
    """Return URL and cookies of a request: two with the same ones get the same response."""
    return state.url.text, str(request.headers.get("Cookie"))


def refuse_loop(state: RedirectState, request: requests.PreparedRequest) -> None:
    """Raise `TargetError` if the attempt has sent this request before."""
    if state.asked and request_key(state, request) in state.asked:
        detail = f"the redirects go round in a loop: {state.url} again"
        raise TargetError(Failure.TOO_MANY_REDIRECTS, detail, HostSignal.ANSWERED)


def resolve(url: Url, location: str) -> Url:
    """Resolve a `Location` against the URL of its response (RFC 9110, section 10.2.2).

    Raises `TargetError` if the result is no http or https URL.
    """
    text = location
    try:
        if re.match(_NO_HOST, location):
            raise ValueError("it names no host")
        text = escape_url(urljoin(url.text, location))
        target = _with_user_of(url, parse_url(text))
    except UnsupportedScheme as error:
        detail = f"redirect to {_shown(urldefrag(text).url)}, which is neither http nor https"
        raise TargetError(Failure.UNSUPPORTED_SCHEME, detail) from error
    except ValueError as error:
        # The text of the error is not shown: it may quote a password.
        detail = f"redirect to {_shown(location)!r}, which is no URL with a host and a port"
        raise TargetError(Failure.INVALID_URL, detail) from error
    if target.fragment or not url.fragment:
        return target
    return parse_url(f"{target.text.partition('#')[0]}#{url.fragment}")


def _with_user_of(url: Url, target: Url) -> Url:
    """The target with the user and password of a URL of the same origin."""
    user = url.userinfo
    if user is None or target.userinfo is not None or target.origin != url.origin:
        return target
    scheme, _, rest = target.text.partition("://")
    return parse_url(f"{scheme}://{user}@{rest}")
