"""What a `requests.Session` that a program has prepared says, as keyword arguments."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, HTTPDigestAuth, HTTPProxyAuth
from requests.models import DEFAULT_REDIRECT_LIMIT
from requests.utils import default_headers

from pyfetch.errors import UsageError

_SCHEMES = frozenset({"http://", "https://"})
_PACKAGE = "pyfetch."


def arguments_with_session(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same arguments, with what their `session` says in place of it.

    Where an argument and the session say something, the argument counts; of `headers`, for each
    field. What is not taken from the session is said by one `UserWarning`. Raises `UsageError`
    where a run without it would be another one: for a log-in of a class of its own, and for
    proxies that are not one for all.
    """
    said = dict(values)
    session = said.pop("session")
    if not isinstance(session, requests.Session):
        raise UsageError(f"session must be a requests.Session, not {type(session).__name__}")
    _take_headers(session, said)
    if not said.keys() & {"auth", "user"}:
        _take_auth(session, said)
    if session.cookies:
        said.setdefault("cookies", session.cookies)
    if "proxy" not in said:
        _take_proxies(session, said)
    if not said.keys() & {"verify", "insecure", "cacert"}:
        said["verify"] = session.verify
    if session.cert and "cert" not in said:
        _take_certificate(session.cert, said)
    if session.max_redirects != DEFAULT_REDIRECT_LIMIT:
        said.setdefault("max_redirects", session.max_redirects)
    if not session.trust_env and "netrc_file" not in said:
        said.setdefault("netrc", False)
    left_out = list(_left_out(session))
    if left_out:
        warnings.warn(
            f"of the session, this is not taken: {'; '.join(left_out)}",
            UserWarning,
            stacklevel=_level_of_the_program(),
        )
    return said


def _take_headers(session: requests.Session, said: dict[str, Any]) -> None:
    usual = default_headers()
    own = {
        _text(name): _text(value)
        for name, value in session.headers.items()
        if value is not None and value != usual.get(_text(name))
    }
    given = said.get("headers") or ()
    pairs = list(given.items() if isinstance(given, Mapping) else given)
    try:
        names = {name.lower() for name, _ in pairs}
    except (AttributeError, TypeError, ValueError):
        return  # the check of the argument says what is wrong with it
    if own:
        said["headers"] = [*((n, v) for n, v in own.items() if n.lower() not in names), *pairs]


def _take_auth(session: requests.Session, said: dict[str, Any]) -> None:
    auth: object = session.auth
    match auth:
        case None:
            return
        case HTTPProxyAuth():
            raise UsageError("the session logs in to a proxy: write that into proxy=")
        case HTTPBasicAuth() | HTTPDigestAuth():
            user, password = auth.username, auth.password
        case (user, password):
            pass
        case _:
            raise UsageError(
                f"the session logs in by {type(auth).__name__}, which pyfetch cannot call:"
                " say auth=(user, password), or a header"
            )
    said["auth"] = (_text(user), _text(password))


def _take_proxies(session: requests.Session, said: dict[str, Any]) -> None:
    proxies = {scheme: url for scheme, url in session.proxies.items() if url}
    if not proxies:
        return
    urls = set(proxies.values())
    if len(urls) > 1 or proxies.keys() not in ({"http", "https"}, {"all"}):
        raise UsageError(
            f"the session has proxies for {', '.join(sorted(proxies))}: pyfetch takes one for all"
            " (http and https the same), or say proxy="
        )
    said["proxy"] = urls.pop()


def _take_certificate(cert: str | tuple[str, str], said: dict[str, Any]) -> None:
    if isinstance(cert, str):
        said["cert"] = cert
    else:
        said["cert"], key = cert
        said.setdefault("key", key)


def _left_out(session: requests.Session) -> Iterator[str]:
    """What of a session has no counterpart, and what to say in its place."""
    if type(session) is not requests.Session:
        yield f"the methods of {type(session).__name__}"
    if any(session.hooks.values()):
        yield "hooks (on_result= is called with each result)"
    if not all(map(_is_usual, session.adapters.values())) or session.adapters.keys() != _SCHEMES:
        yield "adapters (retries=, timeout= and workers= are settings)"
    if session.params:
        yield "params (write them into the URLs)"
    removed = [_text(name) for name, value in session.headers.items() if value is None]
    if removed:
        yield f"headers without a value ({', '.join(removed)})"
    if not session.trust_env:
        yield "trust_env=False (netrc is off; proxies of the environment count, but for proxy=)"
    if isinstance(session.auth, HTTPDigestAuth):
        yield "that the log-in is Digest alone (until a server demands it, it is Basic)"


def _is_usual(adapter: object) -> bool:
    return type(adapter) is HTTPAdapter and not adapter.max_retries.total


def _text(value: object) -> Any:
    """What may be bytes, as text; anything else as it is, for the check of the setting."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _level_of_the_program() -> int:
    """The `stacklevel` with which the caller warns where the program has called this package."""
    level = 1
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - Python 3.11 has nothing else
    while frame and f"{frame.f_globals.get('__name__', '')}.".startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level
