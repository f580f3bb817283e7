"""What is asked, made without the detour over what `requests` looks up for each request."""

from __future__ import annotations

import re

import requests
from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.attempt import RedirectState
from pyfetch.http.origin_config import OriginConfigs
from pyfetch.http.request import _PLAIN_URL, RequestBuilder
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.urls import parse_url
from tests.support.cases import cases


def asked(url: str, conditions: dict[str, str], **settings: object) -> requests.PreparedRequest:
    chosen = Settings(netrc=False, **settings)  # type: ignore[arg-type]
    origins = OriginConfigs(chosen, "pyfetch/1")
    builder, parsed = RequestBuilder(chosen, origins), parse_url(url)
    target = Target(1, parse_url("http://h/"))
    return builder.build(RedirectState(parsed), conditions, target, origins.of(parsed))


@given(st.from_regex(re.compile(_PLAIN_URL.pattern, re.ASCII), fullmatch=True))
@example("http://h/")
@example("http://h:80/a//b?c=d?e")
def test_a_plain_url_is_what_requests_would_make_of_it(url: str) -> None:
    try:
        prepared = requests.Request("GET", url).prepare()
    except requests.RequestException:
        return  # a port beyond all, say: such a URL is no target
    assert prepared.url == url


@cases(
    "url",
    [
        "http://h", "HTTP://h/", "http://H/", "http://h/a/../b", "http://h/./b", "http://h/ä",
        "http://h/%41", "http://h/a#b", "http://u:p@h/", "http://h/?", "http://h/a b", "http://[::1]/",
        "http://h:080/", "http://h/a\n",
    ],
)  # fmt: skip
def test_others_are_left_to_requests(url: str) -> None:
    assert not _PLAIN_URL.fullmatch(url)


def test_both_ways_send_the_same_fields() -> None:
    settings = {"headers": {"user-agent": "mine", "X-A": "b"}}
    conditions = {"If-None-Match": '"v1"'}
    plain = asked("http://h/x", conditions, **settings)
    other = asked("http://h/x#fragment", conditions, **settings)
    assert dict(plain.headers.lower_items()) == dict(other.headers.lower_items())
    assert dict(plain.headers.lower_items()) == {
        "user-agent": "mine", "accept-encoding": "identity", "accept": "*/*",
        "connection": "keep-alive", "x-a": "b", "if-none-match": '"v1"',
    }  # fmt: skip


def test_what_one_request_needs_is_not_in_the_next() -> None:
    settings = Settings(netrc=False)
    origins = OriginConfigs(settings, "pyfetch/1")
    builder, url = RequestBuilder(settings, origins), parse_url("http://h/x")
    state, target, config = RedirectState(url), Target(1, url), origins.of(url)
    builder.build(state, {"Range": "bytes=5-"}, target, config)
    assert "Range" not in builder.build(state, {}, target, config).headers


@cases(
    ("url", "sent"),
    [
        ("http://h/100%%20sure%20x.txt", "http://h/100%25%20sure%20x.txt"),
        ("http://h/a%zz%C3%A9é", "http://h/a%25zz%C3%A9%C3%A9"),
        ("http://h/a%?b=%20%", "http://h/a%25?b=%20%25"),
        ("http://u:p%zz@h/a%20b", "http://u:p%25zz@h/a%20b"),
        ("http://[fe80::1%25eth0]/a%20b%", "http://[fe80::1%25eth0]/a%20b%25"),
        ("http://[fe80::1%eth0]:8080/a%20b", "http://[fe80::1%eth0]:8080/a%20b"),
    ],
)
def test_a_stray_percent_sign_leaves_the_escapes_beside_it_alone(url: str, sent: str) -> None:
    """Escaped again, they would name another file."""
    assert asked(url, {}).url == sent
