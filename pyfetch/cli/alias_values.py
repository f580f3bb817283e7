"""Words of other tools whose value decides what they become, or what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable

from pyfetch.cli.aliases import NO_LINKS, ONE_CONNECTION, ONLY_GET, TRIES
from pyfetch.urls import is_url


def _proxy(value: str) -> str:
    if value.isdecimal():
        raise ValueError(
            f"-x is the proxy, as in curl. For aria2's -x {value}, write --per-host {value}"
            f" (connections to one host), or -w {value} (transfers at once)"
        )
    if re.fullmatch(r"https?://[^/]+/.+", value):
        raise ValueError(
            "-x is the proxy, as in curl. For wget's -x, write --name '{host}/{dir}/{name}'"
        )
    return value if is_url(value) else f"http://{value}"


def _tries(value: str) -> str:
    if not value.isdecimal():
        raise ValueError(f"--tries takes a number, not {value!r}; {TRIES}")
    return str(int(value) - 1) if int(value) else "1000000"


def _max_time(value: str) -> str:
    if is_url(value):
        raise ValueError(f"-m is the longest time for a URL (-m 5m), as in curl; {NO_LINKS}")
    return value


def _timeout(value: str) -> str:
    if not value[:1].isdecimal():
        raise ValueError(f"-T is the timeout (-T 10s), as in wget; {ONLY_GET} and uploads nothing")
    return value


def _split(value: str) -> str:
    return f"{ONE_CONNECTION}; write -w {value} for aria2's -s{value}"


def _each(value: str) -> str:
    return f"each URL is fetched on its own: leave xargs' -n{value} out"


def _cookies(value: str) -> list[str]:
    if is_url(value):
        raise ValueError("-b takes cookies, as in curl; for wget's -b: nohup pyfetch … &")
    return ["--header", f"Cookie: {value}"] if "=" in value else ["--cookies", value]


def _referer(value: str) -> list[str]:
    if not is_url(value):
        raise ValueError(f"-e is the referer, as in curl. For wget's -e {value}: leave it out")
    return ["--header", f"Referer: {value}"]


def _checked(value: str) -> list[str]:
    return ["--insecure"] if value == "false" else []


BY_VALUE: dict[str, Callable[[str], list[str]]] = {
    "-x=": lambda value: ["--proxy", _proxy(value)],
    "-m=": lambda value: ["--max-time", _max_time(value)],
    "-T=": lambda value: ["--timeout", _timeout(value)],
    "--tries= --max-tries=": lambda value: ["--retries", _tries(value)],
    "-b= --cookie=": _cookies,
    "-e=": _referer,
    "--check-certificate=": _checked,
}
"""Words whose value decides what they become. A `ValueError` says what to do instead."""

GLUED: dict[str, Callable[[str], str]] = {r"-s(\d+)": _split, r"-n(\d+)": _each}
"""Patterns of whole words in which a number stands right after a letter with two meanings: what
to do instead, by the number."""
