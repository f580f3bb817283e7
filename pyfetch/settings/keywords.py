"""The settings as keyword arguments of the library: what each may be given as, and how it is read.

Unlike `Settings`, whose values have one form each, these take what programs have at hand. The
command does not load this. A test compares the keys with the settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

from pyfetch.errors import UsageError
from pyfetch.models import IfExists, Result
from pyfetch.settings.definitions import SETTINGS, ContradictionError, Settings
from pyfetch.settings.kinds import LONGEST_TIME, Kind, Number, shown
from pyfetch.settings.request_kinds import USER_AND_PASSWORD

if TYPE_CHECKING:  # loads `http.client`
    from http.cookiejar import CookieJar

Seconds = float | timedelta | str
"""A number of seconds, a `timedelta`, or text such as `"10s"`."""
Size = int | str
"""A number of bytes, or text such as `"10M"`."""
Rate = float | str
"""How often in a second, or text such as `"100/min"`."""
StrPath = str | os.PathLike[str]

_ENDLESS = frozenset({"timeout", "connect_timeout"})
"""Times for which None means: wait for ever, which is a year."""
_LONGEST_SHOWN = 80


class PreparedSession(Protocol):
    """What is read of a `requests.Session`, which it must be."""

    @property
    def headers(self) -> Any: ...
    @property
    def auth(self) -> Any: ...
    @property
    def cookies(self) -> Any: ...
    @property
    def proxies(self) -> Any: ...
    @property
    def adapters(self) -> Any: ...


class SettingKeywords(TypedDict, total=False):
    """Keyword arguments of `fetch_all`, `fetch` and `Batch`: see `Settings` for their meaning."""

    output_dir: StrPath
    discard: bool
    if_exists: IfExists | Literal["refresh", "skip", "replace", "rename", "fail"]
    name: str
    content_disposition: bool
    ignore_query: str | Iterable[str]
    state: bool
    fsync: bool
    min_free: Size
    wait_lock: Seconds
    store_option: Mapping[str, str] | Iterable[tuple[str, str]]
    state_dir: StrPath | None
    allow_store: str | Iterable[str]
    pack: str | None
    pack_size: Size
    pack_count: int | None
    pack_order: str
    pack_list: StrPath | None
    max_size: Size | None
    min_size: Size
    expect_type: str | Iterable[str]
    hash: bool
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    compressed: bool
    cookies: StrPath | Mapping[str, str] | CookieJar | None
    """The path of a file, a jar, or names and values for the origin of the first URL alone."""
    netrc_file: StrPath | None
    netrc: bool
    proxy: str | None
    cacert: StrPath | None
    cert: StrPath | None
    key: StrPath | None
    insecure: bool
    max_redirects: int
    no_downgrade: bool
    hosts: Mapping[str, Mapping[str, Any]] | Iterable[tuple[str, Mapping[str, Any]]]
    user: str | None
    public_only: bool
    ipv4: bool
    ipv6: bool
    workers: int | Literal["auto"]
    engine: str
    http: str
    connections_per_host: int | None
    processes: int | Literal["auto"]
    cluster: str | Any | None
    """The address of a Dask scheduler, `local:N`, or a `distributed.Client`, which stays open."""
    cluster_file: StrPath | None
    cluster_tls: StrPath | None
    cluster_upload: bool
    max_workers: int
    per_host: int | None
    rate: Rate | None
    rate_total: bool
    limit_rate: Size | None
    timeout: Seconds | None
    connect_timeout: Seconds
    min_speed: Size
    max_time: Seconds | None
    retries: int
    retry_status: str | Iterable[int | str]
    retry_wait: Seconds
    max_wait: Seconds
    fail_fast: bool
    cpu_pin: bool
    exec: str | None
    map: str | None
    """A function by its name: `"module:function"` or `"file.py:function"`."""
    cpus: int | Literal["auto"]
    ahead: int | None
    keep: bool
    exec_timeout: Seconds | None
    exec_retries: int
    exec_version: str | None
    max_tasks: int
    then: Callable[[Path, Result], Any] | None
    """A function to call with each file, in other processes: `result.value` is what it returns.

    It has to be one of a module, not a lambda nor a function within another.
    """
    auth: tuple[str, str] | None
    """User and password, sent to the origin of the first URL alone."""
    session: PreparedSession | None
    """A `requests.Session`: its headers, log-in, cookies, one proxy for all, `verify` and `cert`.

    What else is said counts more. A `UserWarning` says what is not taken: hooks, adapters, params.
    """
    verify: bool | StrPath
    """As with `requests`: False verifies no certificate, a path is that of the authorities."""


def settings_from(values: Mapping[str, object]) -> Settings:
    """Return the settings that these arguments say.

    Beside what `Settings` takes, numbers may be text with a unit (`"10s"`, `"5/s"`, `"10M"`), times
    a `timedelta` or, for `timeout` and `connect_timeout`, None. `auth=(user, password)` is `user`,
    `verify=False` is `insecure`, `verify=path` is `cacert`, `then=function` is `map`.

    Raises `UsageError` for a name that there is not and for a value that makes no sense.
    """
    said = dict(values)
    _take_auth(said)
    _take_verify(said)
    then = _take_then(said)
    for name, value in said.items():
        if name not in SETTINGS:
            raise UsageError(
                f"there is no setting {name!r} (there are {', '.join(sorted(SETTINGS))})"
            )
        if value is None and name in _ENDLESS:
            said[name] = LONGEST_TIME
        else:
            said[name] = _number(name, SETTINGS[name].kind, value)
    try:
        return Settings(**said)  # type: ignore[arg-type]
    except ContradictionError as error:
        raise UsageError(error.with_names({"map": "then"} if then else {})) from None


def _number(name: str, kind: Kind, value: object) -> Any:
    if not isinstance(kind, Number) or not kind.has_unit:
        return value
    if isinstance(value, timedelta) and kind.metavar == "TIME":
        return value.total_seconds()
    if not isinstance(value, str):
        return value
    try:
        return kind.parse(value)
    except ValueError as error:
        why = str(error) if len(value) <= _LONGEST_SHOWN else f"{shown(value)} is too long"
        raise UsageError(f"{name}: {why}") from None


def _take_auth(said: dict[str, object]) -> None:
    auth = said.pop("auth", None)
    if auth is None:
        return
    if said.get("user") is not None:
        raise UsageError("auth and user exclude each other")
    match auth:
        case (str(user), str(password)) if ":" not in user:
            said["user"] = USER_AND_PASSWORD.check(f"{user}:{password}")
        case _:  # the value may be a secret
            raise UsageError("auth must be a pair of user and password, both text")


def _take_verify(said: dict[str, object]) -> None:
    verify = said.pop("verify", True)
    if verify is True:
        return
    name = "insecure" if verify is False else "cacert"
    if said.get(name):
        raise UsageError(f"verify and {name} exclude each other")
    if verify is not False and (isinstance(verify, int | float) or verify is None):
        raise UsageError(
            f"verify must be True, False or the path of authorities, not {shown(verify)}"
        )
    said[name] = True if verify is False else verify


def _take_then(said: dict[str, object]) -> bool:
    """Let `then` be `map`. Whether it was given."""
    then = said.pop("then", None)
    if then is None:
        return False
    if not callable(then):
        raise UsageError(f"then must be a function, not {shown(then)}")
    if said.get("map") is not None:
        raise UsageError("then and map exclude each other")
    said["map"] = then
    return True
