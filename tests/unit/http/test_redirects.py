"""Redirects: which are followed, to which URL exactly, and what a scheme in capitals means."""

from __future__ import annotations

from typing import Any

import pytest

from pyfetch.attempt import RedirectState
from pyfetch.headers import Fields
from pyfetch.http.redirects import follow, location_of, resolve
from pyfetch.http.response import UNTIL_CLOSE, Response
from pyfetch.http.response_head import StatusLine
from pyfetch.models import Failure, TargetError
from pyfetch.settings import Settings
from pyfetch.urls import parse_url
from tests.support.cases import cases
from tests.support.measuring import takes_linear_time


def state(url: str) -> RedirectState:
    return RedirectState(parse_url(url))


@cases("start", ["https://h/x", "HTTPS://h/x", "Https://H/x"])
@cases("to", ["http://h/y", "HTTP://h/y"])
def test_no_downgrade_holds_however_a_scheme_is_written(start: str, to: str) -> None:
    """Schemes are compared without regard to case (RFC 3986, section 3.1)."""
    with pytest.raises(TargetError, match="--no-downgrade") as raised:
        follow(state(start), to, Settings(no_downgrade=True))
    assert raised.value.failure is Failure.FORBIDDEN_ADDRESS
    assert follow(state(start), to, Settings()).origin == "http://h:80"


@cases("to", ["/y", "HTTPS://h/y", "https://other/y"])
def test_no_downgrade_lets_https_go_on_to_https(to: str) -> None:
    """Only the step from https to http is one down."""
    followed = follow(state("HTTPS://h/x"), to, Settings(no_downgrade=True))
    assert followed.origin.startswith("https:")
    assert followed.away is ("other" in to)


def redirect(*locations: str, status: int = 302) -> Response:
    buffer: Any = None
    fields = Fields([("location", location) for location in locations])
    url = parse_url("http://h/x")
    return Response(url, StatusLine(1, status, "Found"), fields, UNTIL_CLOSE, buffer, print)


@cases(
    ("sent", "asked"),
    [
        (b"/100%%20sure%20x", "http://h/100%25%20sure%20x"),
        (b"/a%zz%C3%A9", "http://h/a%25zz%C3%A9"),
        (b"/a%", "http://h/a%25"),
        (b"/a?q=5%&r=%20", "http://h/a?q=5%25&r=%20"),
        (b"/%7ea", "http://h/%7ea"),
        (b"/a b\\c", "http://h/a%20b%5Cc"),
        ("/é?ü".encode(), "http://h/%C3%A9?%C3%BC"),
        ("/é".encode("latin-1"), "http://h/%E9"),
        (b"/100%\xe9%20", "http://h/100%25%E9%20"),
        ("http://é.test/ü".encode(), "http://é.test/%C3%BC"),
    ],
)
def test_what_no_url_may_have_is_escaped_and_its_neighbours_are_left_alone(
    sent: bytes, asked: str
) -> None:
    """Bytes that are no UTF-8 are escaped one by one, as browsers do it."""
    location = location_of(redirect(sent.decode("latin-1")))
    assert location is not None
    assert resolve(parse_url("http://h/x"), location).text == asked


@cases("location", ["http:////o/", "HTTP:///o/x", "https://", "//", "////o/", "http://?x", "//#x"])
def test_a_location_that_names_no_host_is_no_path_at_this_one(location: str) -> None:
    """RFC 9110, section 4.2.1: the host of an http URL is not empty."""
    with pytest.raises(TargetError) as raised:
        resolve(parse_url("http://h/x"), location)
    assert raised.value.failure is Failure.INVALID_URL


def test_a_location_that_comes_twice_is_one_and_two_are_an_error() -> None:
    """Whoever follows the first or the last of two guesses."""
    assert location_of(redirect("/a", "/a", "/a")) == "/a"
    assert location_of(redirect("/a, b")) == "/a, b"
    assert location_of(redirect("/a", "/b", status=200)) is None
    with pytest.raises(TargetError, match="'/a' and '/b'") as raised:
        location_of(redirect("/a", "/a", "/b"))
    assert raised.value.failure is Failure.WRONG_CONTENT


@cases("location", ["//[@" + "/" * 250_000, "//[" + "@//" * 80_000, "//[x" * 60_000])
def test_a_long_location_takes_a_moment_and_is_shown_in_part(location: str) -> None:
    def follow(size: int) -> None:
        with pytest.raises(TargetError) as raised:
            resolve(parse_url("http://h/x"), location[:size])
        assert len(raised.value.detail) < 1000

    assert takes_linear_time(follow, len(location))
