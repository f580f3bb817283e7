"""Settings of single hosts, and what holds for a host that several patterns match."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from pyfetch.errors import UsageError
from pyfetch.settings.host_patterns import HostPattern, normalized_host, parse_pattern
from pyfetch.settings.kinds import (
    FILE,
    RATE,
    SECONDS_ABOVE_ZERO,
    SPEED_ABOVE_ZERO,
    TRANSFERS,
    TRIES,
    Kind,
    items,
    shown,
)
from pyfetch.settings.request_kinds import (
    HEADERS,
    PROXY_URL_OR_NONE,
    USER_AGENT,
    USER_AND_PASSWORD,
)
from pyfetch.value import Value

_Limit = TypeVar("_Limit", int, float)


class HostSettings(Value):
    """What holds for a host. None: nothing is said of that."""

    per_host: int | None = None
    """Transfers at once."""
    rate: float | None = None
    """Requests a second."""
    limit_rate: int | None = None
    """Bytes a second, over all transfers from this host."""
    headers: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    """`NAME:PASSWORD`."""
    proxy: str | None = None
    """The URL of a proxy; empty: none."""
    cacert: str | None = None
    timeout: float | None = None
    """In seconds."""
    retries: int | None = None

    def __repr__(self) -> str:
        """What is said, with a mask for each secret."""
        said = (f"{name}={masked}" for name, masked in self.masked().items())
        return f"{type(self).__name__}({', '.join(said)})"

    def masked(self) -> dict[str, str]:
        """What is said, as `repr` shows it, with a mask for each secret."""
        return {
            name: HOST_KINDS[name].masked(value)
            for name, value in self.as_dict().items()
            if value not in (None, ())
        }

    def over(self, general: "HostSettings") -> "HostSettings":
        """These settings and, where nothing is said, more general ones. Headers add up.

        Of a user and a header `Authorization`, the more specific one stays.
        """
        own = {name: value for name, value in self.as_dict().items() if value is not None}
        merged = general.replaced(**own)
        headers, user = headers_over(self.headers, general.headers), merged.user
        if self.user is not None:
            headers = without_header("authorization", headers)
        elif user is not None and has_header("authorization", self.headers):
            user = None
        return merged.replaced(headers=headers, user=user)


HOST_KINDS: dict[str, Kind] = {
    "per_host": TRANSFERS,
    "rate": RATE,
    "limit_rate": SPEED_ABOVE_ZERO,
    "headers": HEADERS,
    "user_agent": USER_AGENT,
    "user": USER_AND_PASSWORD,
    "proxy": PROXY_URL_OR_NONE,
    "cacert": FILE,
    "timeout": SECONDS_ABOVE_ZERO,
    "retries": TRIES,
}
"""What may be said of a host, and of which kind that is. `user_agent` becomes a header."""
HOST_LIMITS = ("per_host", "rate", "limit_rate")
"""Of two of these, one general and one of a host, the stricter one holds."""

HostTable = tuple[tuple[HostPattern, HostSettings], ...]
"""Settings by pattern, the most general patterns first."""


class Hosts(Kind):
    """Settings by pattern: `{"*.example.org": {"per_host": 2}}`."""

    metavar = "HOSTS"

    def check(self, value: object) -> HostTable:
        """A mapping, or pairs, as pairs in order. Raises `ValueError`, or `UsageError`."""
        found = items(value.items() if isinstance(value, Mapping) else value)
        if found is None:
            raise ValueError(f"must be a mapping from hosts to their settings, not {shown(value)}")
        table: dict[HostPattern, HostSettings] = {}
        for pair in found:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise ValueError(f"must be pairs of hosts and their settings, not {shown(pair)}")
            pattern = _pattern(pair[0])
            if pattern in table:
                raise ValueError(f"has {pattern} twice: put the settings together")
            table[pattern] = _host_settings(pattern, pair[1])
        return tuple(sorted(table.items(), key=lambda item: item[0].rank))

    def masked(self, value: object) -> str:
        """The settings of each pattern, with a mask for each secret."""
        table = cast("HostTable", value)
        return repr({str(pattern): said for pattern, said in table})


HOSTS = Hosts()


def matching(table: HostTable, origin: str) -> list[tuple[HostPattern, HostSettings]]:
    """The settings that are for an origin (`scheme://host:port`), the most general ones first."""
    name, _, port = origin.partition("://")[2].rpartition(":")
    host = normalized_host(name)
    return [(pattern, said) for pattern, said in table if pattern.matches(host, int(port))]


def together(layers: Iterable[HostSettings]) -> HostSettings:
    """One from several, of which a later one is more specific."""
    result = HostSettings()
    for layer in layers:
        result = layer.over(result)
    return result


def stricter(one: _Limit | None, other: _Limit | None) -> _Limit | None:
    """The lower of two limits, where None is no limit."""
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


HeaderFields = tuple[tuple[str, str], ...]


def headers_over(specific: HeaderFields, general: HeaderFields) -> HeaderFields:
    """Header fields of two layers: of a name that both have, only the specific ones."""
    if not (specific and general):
        return specific or general
    names = {name.lower() for name, _ in specific}
    return (*(field for field in general if field[0].lower() not in names), *specific)


def has_header(name: str, headers: HeaderFields) -> bool:
    """Whether there is such a field. `name`: in lower case."""
    return any(field[0].lower() == name for field in headers)


def without_header(name: str, headers: HeaderFields) -> HeaderFields:
    """The others. `name`: in lower case."""
    return tuple(field for field in headers if field[0].lower() != name)


def _pattern(value: object) -> HostPattern:
    if isinstance(value, HostPattern):
        return value
    if not isinstance(value, str):
        raise ValueError(f"must have names of hosts, not {shown(value)}")
    return parse_pattern(value)


def _host_settings(pattern: HostPattern, value: object) -> HostSettings:
    said: Mapping[Any, object]
    if isinstance(value, HostSettings):
        said = value.as_dict()
    elif isinstance(value, Mapping):
        said = value
    else:
        raise ValueError(f"must have a mapping for {pattern}, not {shown(value)}")
    checked: dict[str, Any] = {}
    for name, one in said.items():
        if name not in HOST_KINDS:
            raise UsageError(
                f"there is no setting {shown(name)} for hosts such as {pattern}"
                f" (there are {', '.join(sorted(HOST_KINDS))})"
            )
        if one is None:
            continue
        try:
            checked[name] = HOST_KINDS[name].check(one)
        except UsageError as error:
            raise UsageError(f"hosts: {name} for {pattern}: {error}") from None
        except ValueError as error:
            raise UsageError(f"hosts: {name} for {pattern} {error}") from None
    return _consistent(pattern, checked)


def _consistent(pattern: HostPattern, checked: dict[str, Any]) -> HostSettings:
    """The settings of a host. Raises `UsageError` for two that are one field of a request."""
    agent = checked.pop("user_agent", None)
    if agent is not None:
        headers = checked.get("headers", ())
        if has_header("user-agent", headers):
            raise UsageError(f"hosts: {pattern} has a user_agent and such a header: choose one")
        checked["headers"] = (*headers, ("User-Agent", agent))
    result = HostSettings(**checked)
    if result.user and has_header("authorization", result.headers):
        raise UsageError(f"hosts: {pattern} has a user and a header Authorization: choose one")
    return result
