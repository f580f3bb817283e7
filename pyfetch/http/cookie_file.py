"""Cookie files in Netscape's format, as browsers, their extensions, curl and wget write them."""

from __future__ import annotations

import http.cookiejar
import logging
from pathlib import Path

from requests.cookies import RequestsCookieJar

from pyfetch.errors import UsageError
from pyfetch.http.cookies import new_cookie_jar
from pyfetch.http.name_lookup import is_ip_address

_HTTP_ONLY = b"#HttpOnly_"
_MOST_NAMED = 10
_FORMAT = (
    "it is not in Netscape's format (a line for each cookie: domain, TRUE if that includes"
    " subdomains, path, TRUE if the cookie is for https alone, expiry, name and value,"
    " separated by tabs)"
)

_log = logging.getLogger(__name__)


def load_cookies(file: str) -> RequestsCookieJar:
    """Return the cookies of a file that are not expired.

    The first line may be missing. A line that is no cookie is passed over with a warning.
    Raises `UsageError` for a file that is missing or has no line that is a cookie.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the cookies in {file}: {error.strerror}") from error
    jar = new_cookie_jar()
    bad = []
    good = 0
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = line.removesuffix(b"\r").removeprefix(_HTTP_ONLY)
        if not line.strip() or line.startswith(b"#"):
            continue
        cookie = _cookie(line)
        if cookie is None:
            bad.append(number)
            continue
        good += 1
        if not cookie.is_expired():
            jar.set_cookie(cookie)
    if bad and not good:
        raise UsageError(f"cannot read the cookies in {file}: {_FORMAT}")
    if bad:
        numbers = ", ".join(map(str, bad[:_MOST_NAMED])) + ", …" * (len(bad) > _MOST_NAMED)
        _log.warning("passed over in %s, as they are no cookies: line %s", file, numbers)
    return jar


def _cookie(line: bytes) -> http.cookiejar.Cookie | None:
    """The cookie of a line; None if it is none.

    In Latin-1 each byte is a character, and goes out as the same byte.
    """
    fields = line.decode("latin-1").split("\t", 6)
    if len(fields) == 6:
        fields.append("")  # an empty value, and the tab before it was stripped
    if len(fields) != 7:
        return None
    domain, below, path, secure, expires, name, value = (field.strip(" ") for field in fields)
    flags = {"TRUE": True, "FALSE": False}
    has_control = any((ord(character) < 32 and character != "\t") or ord(character) == 127
                      for character in "".join(fields))  # fmt: skip
    seconds = _seconds(expires)
    if below.upper() not in flags or secure.upper() not in flags or seconds is None or has_control:
        return None
    if not domain.strip(".") or not (name or value):
        return None
    # `host TRUE` and `.host FALSE` contradict themselves. The dot alone is no reason to send a
    # cookie to subdomains, and neither is what is not a name (RFC 6265, section 5.1.3).
    host = domain.lstrip(".").lower()
    with_subdomains = flags[below.upper()] and not is_ip_address(host.strip("[]"))
    if "." not in host:
        host = f"{host}.local"  # as `http.cookiejar` calls a host without a dot
    return http.cookiejar.Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=f".{host}" if with_subdomains else host,
        domain_specified=with_subdomains,
        domain_initial_dot=with_subdomains,
        path=path if path.startswith("/") else "/",
        path_specified=True,
        secure=flags[secure.upper()],
        expires=seconds or None,
        discard=not seconds,
        comment=None,
        comment_url=None,
        rest={},
    )


def _seconds(text: str) -> int | None:
    """Seconds since the epoch, 0 for a cookie of the session; None if it is no time."""
    try:
        return int(float(text)) if text else 0
    except (ValueError, OverflowError):
        return None
