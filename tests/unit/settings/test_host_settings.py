"""Which hosts a pattern names, and what holds for a host of several patterns."""

from __future__ import annotations

import pickle

import pytest

from pyfetch.cluster.host_owners import limits_by
from pyfetch.cluster.workload import split_settings
from pyfetch.engine.local import jobs_by, workers_by
from pyfetch.errors import UsageError
from pyfetch.scheduling.host_limits import Limits
from pyfetch.settings import HostSettings, matching, parse_pattern
from pyfetch.settings.keywords import settings_from
from tests.support.cases import cases

MATCHES = [
    ("example.org", "https://example.org:443", True),
    ("example.org", "http://example.org:8080", True),
    ("EXAMPLE.org.", "http://example.org:80", True),
    ("example.org", "http://example.org.:80", True),
    ("example.org", "http://a.example.org:80", False),
    ("*.example.org", "http://a.example.org:80", True),
    ("*.example.org", "http://a.b.example.org:80", True),
    ("*.example.org", "http://example.org:80", False),
    ("*.example.org", "http://badexample.org:80", False),
    ("example.org:8080", "http://example.org:8080", True),
    ("example.org:8080", "http://example.org:80", False),
    ("*:8080", "http://a:8080", True),
    ("*:8080", "http://a:80", False),
    ("*", "http://[::1]:80", True),
    ("[::1]", "http://[::1]:80", True),
    ("[::1]:81", "http://[::1]:80", False),
    ("127.0.0.1", "http://127.0.0.1:80", True),
    ("bücher.example", "http://xn--bcher-kva.example:80", True),
    ("bücher.example", "http://bücher.example:80", True),
    ("*.bücher.example", "http://a.bücher.example:80", True),
]


@cases(("pattern", "origin", "is_one"), MATCHES)
def test_a_pattern_names_its_hosts_and_no_others(pattern: str, origin: str, is_one: bool) -> None:
    table = settings_from({"hosts": {pattern: {"retries": 1}}}).hosts
    assert bool(matching(table, origin)) is is_one


@cases(
    "text",
    ["", "a b", "http://a", "a/", "a:0", "a:99999", "a:b", "a.*", "*a.org", "**", "::1", ".a"],
)
def test_what_names_no_hosts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no hosts"):
        parse_pattern(text)


def test_the_most_specific_pattern_counts_for_each_key() -> None:
    """In whatever order they stand: the whole name, then the longest part of it, then all."""
    hosts = {
        "a.example.org:8080": {"per_host": 1},
        "a.example.org": {"per_host": 2, "timeout": 2},
        "*.example.org": {"per_host": 3, "timeout": 3, "retries": 3},
        "*.org": {"per_host": 4, "timeout": 4, "retries": 4, "rate": 4},
        "*": {"per_host": 5, "timeout": 5, "retries": 5, "rate": 5, "limit_rate": 5},
    }
    for order in (hosts, dict(reversed(hosts.items()))):
        settings = settings_from({"hosts": order})
        found = settings.of_host("http://a.example.org:8080")
        assert (found.per_host, found.timeout, found.retries) == (1, 2, 3)
        assert (found.rate, found.limit_rate) == (4, 5)
        assert settings.of_host("http://example.org:80").per_host == 4
        assert settings.of_host("http://example.com:80").per_host == 5


@cases(("general", "own", "holds"), [(8, 2, 2), (2, 8, 2), (None, 8, 8), (8, None, 8)])
def test_of_two_limits_the_stricter_one_holds(
    general: int | None, own: int | None, holds: int
) -> None:
    for name in ("per_host", "rate"):
        settings = settings_from({name: general, "hosts": {"h": {name: own}}})
        assert getattr(settings.of_host("http://h:80"), name) == holds
        assert getattr(settings.of_host("http://other:80"), name) == general


def test_a_rate_of_all_hosts_together_is_no_limit_of_one() -> None:
    settings = settings_from({"rate": 1, "rate_total": True, "hosts": {"h": {"rate": 5}}})
    assert settings.of_host("http://h:80").rate == 5
    assert settings.of_host("http://other:80").rate is None


def test_of_other_settings_that_of_the_host_holds() -> None:
    settings = settings_from(
        {
            "timeout": 1, "retries": 1, "cacert": "all", "proxy": "http://all",
            "headers": {"A": "all", "B": "all", "Authorization": "all"},
            "hosts": {
                "h": {"timeout": 2, "retries": 0, "cacert": "own", "proxy": "", "user": "a:b",
                      "headers": {"b": "own"}, "user_agent": "mine"},
            },
        }
    )  # fmt: skip
    assert settings.of_host("http://h:80") == HostSettings(
        timeout=2, retries=0, cacert="own", proxy="", user="a:b",
        headers=(("A", "all"), ("b", "own"), ("User-Agent", "mine")),
    )  # fmt: skip
    other = settings.of_host("http://other:80")
    assert (other.timeout, other.retries, other.cacert, other.user) == (1, 1, "all", None)


@cases(
    ("hosts", "words"),
    [
        ({"h": {"workers": 3}}, ["'workers'", "h", "per_host"]),
        ({"h": {"per_host": 0}}, ["per_host", "h", "1 to 1024"]),
        ({"h": {"proxy": "nothing"}}, ["proxy", "h"]),
        ({"h": {"user": "me"}}, ["user", "h", "NAME:PASSWORD"]),
        ({"h": {"user_agent": "a\nb"}}, ["User-Agent"]),
        ({"h": {"user": "a:b", "headers": {"authorization": "c"}}}, ["choose one"]),
        ({"h": 3}, ["mapping for h"]),
        ({"a b": {}}, ["names no hosts"]),
        ({3: {}}, ["names of hosts"]),
        ({"h": {}, "H": {}}, ["h twice"]),
        ([3], ["pairs"]),
        (3, ["mapping"]),
    ],
)
def test_what_no_host_can_have_is_a_usage_error(hosts: object, words: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        settings_from({"hosts": hosts})
    assert all(word in str(raised.value) for word in ("hosts", *words))


def test_secrets_of_hosts_are_never_shown() -> None:
    settings = settings_from(
        {
            "hosts": {
                "h": {"user": "me:s3cret", "proxy": "http://u:s3cret@p", "headers": {"X": "s3cret"}}
            }
        }
    )
    shown = repr(settings) + repr(settings.of_host("http://h:80"))
    assert "s3cret" not in shown
    assert "'me:***'" in shown


def test_settings_of_hosts_survive_a_pickle_and_a_second_check() -> None:
    settings = settings_from({"hosts": {"*.h:80": {"per_host": 2, "headers": [("a", "b")]}}})
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own
    assert settings_from({"hosts": settings.hosts}) == settings
    assert hash(settings)


@cases(
    ("said", "limits"),
    [
        ({"timeout": 1}, None),
        ({"per_host": 2}, Limits(2)),
        ({"rate": 2}, Limits(interval=0.5)),
        ({"limit_rate": 2}, Limits(limit_rate=2)),
    ],
)
def test_processes_together_keep_to_the_limits_of_a_host(
    said: dict[str, object], limits: Limits | None
) -> None:
    """All of them work; the coordinator divides what the host may be asked."""
    settings = settings_from({"processes": 4, "workers": 8, "hosts": {"h": said}})
    assert len(split_settings(settings)) == 4
    limits_of_host = limits_by(settings)
    assert limits_of_host("http://h:80") == limits
    assert limits_of_host("http://other:80") is None


def test_a_host_with_a_long_timeout_has_as_long_for_each_step() -> None:
    """Else the watch over stalled transfers would end it earlier."""
    settings = settings_from({"timeout": 5, "hosts": {"h": {"timeout": 90}}})
    stalls = jobs_by(settings, workers_by(settings)).in_flight._stalls  # noqa: SLF001
    assert stalls is not None
    assert stalls.timeout_of is not None
    assert stalls.timeout_of("http://h:80") == 90
    assert stalls.timeout_of("http://other:80") == 5
