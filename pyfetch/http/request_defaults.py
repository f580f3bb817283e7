"""What requests to an origin send by default: header fields and login, by the settings."""

from collections.abc import Iterable, Mapping

from pyfetch.http.credentials import Login, Netrc
from pyfetch.settings import Settings, matching, together
from pyfetch.text import MASK
from pyfetch.urls import Url
from pyfetch.value import Value

_HARMLESS = frozenset(
    {"accept", "accept-language", "cache-control", "dnt", "pragma", "referer", "user-agent"}
)
"""Fields of a user that are sent to other origins, too. Any other field may be a secret that is
meant for the first origin."""


class RequestDefaults(Value):
    """Header fields and login of requests that have none of their own."""

    fields: Mapping[str, str]
    login: Login | None

    def __repr__(self) -> str:
        return f"RequestDefaults({dict.fromkeys(self.fields, MASK)}, {self.login})"


class DefaultsByOrigin:
    """The defaults of each origin, from the settings and the netrc file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fields = fields_by_name(settings.headers)
        self._fields_after_redirect = harmless(self._fields)
        self._netrc = Netrc(settings)

    def of(self, url: Url) -> tuple[RequestDefaults, RequestDefaults]:
        """Return those of a URL's origin: for a URL of the list, and after a redirect to it."""
        known = self._netrc.login(url)
        # A redirect may lead to a host of the netrc file, as to one where users log in. But it
        # must not make us send the password in clear text, or to a port of the redirect's choice.
        is_safe = url.scheme == "https" and url.port == 443
        known_after = known if known and known.is_named and is_safe else None
        found = matching(self._settings.hosts, url.origin) if self._settings.hosts else []
        if not found:
            return (
                _defaults(self._fields, None, known),
                _defaults(self._fields_after_redirect, None, known_after),
            )
        own = together(said for _, said in found)
        fields = fields_by_name(self._settings.of_host(url.origin).headers)
        # The same holds for secrets of a host, unless its pattern names the port.
        after = together(
            said
            for pattern, said in found
            if pattern.names_hosts and (is_safe or pattern.port is not None)
        )
        fields_after = harmless(fields) | fields_by_name(after.headers)
        return (
            _defaults(fields, own.user, known),
            _defaults(fields_after, after.user, known_after),
        )


def harmless(fields: Mapping[str, str]) -> dict[str, str]:
    """Those fields that may be sent to any origin."""
    return {name: value for name, value in fields.items() if name.lower() in _HARMLESS}


def fields_by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Fields by name. Values of the same name become one list (RFC 9110, section 5.3)."""
    fields: dict[str, str] = {}
    for name, value in headers:
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def authorizes(names: Iterable[str]) -> bool:
    """Whether one of these fields says who we are."""
    return any(name.lower() == "authorization" for name in names)


def _defaults(fields: Mapping[str, str], user: str | None, known: Login | None) -> RequestDefaults:
    """`user`: as the settings name it; `known`: what the netrc file says."""
    if user is not None:
        name, _, password = user.partition(":")
        return RequestDefaults(fields, Login(name, password, is_named=True))
    return RequestDefaults(fields, None if authorizes(fields) else known)
