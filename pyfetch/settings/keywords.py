"""The settings as keyword arguments of the library, for type checkers: what each may be given as.

A test compares the keys with the settings. Unlike `Settings`, whose values have one form each,
these take what programs have at hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict

from pyfetch.models import IfExists, Result

Seconds = float | timedelta | str
"""A number of seconds, a `timedelta`, or text such as `"10s"`."""
Size = int | str
"""A number of bytes, or text such as `"10M"`."""
Rate = float | str
"""How often in a second, or text such as `"100/min"`."""
StrPath = str | os.PathLike[str]


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
    max_size: Size | None
    min_size: Size
    expect_type: str | Iterable[str]
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
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
    processes: int | Literal["auto"]
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
