"""Offers of HTTP/3 by `Alt-Svc`."""

from __future__ import annotations

import pycurl

from pyfetch.http.curl.alternatives import Http3Offers
from pyfetch.http.route import Proxy, Route
from tests.support.cases import cases

ROUTE = Route("https", "h", 443, None)


@cases(
    ("field", "is_taken"),
    [
        ('h3=":443"', True),
        ('h3=":443"; ma=86400,h3-29=":443"; ma=86400', True),
        ('h2=":443", h3="h:443"; ma="5"; persist=1', True),
        ('h3-29=":443"', False),
        ('h3=":8443"', False),
        ('h3="other:443"', False),
        ('h3=":443"; ma=0', False),
        ("clear", False),
        ("", False),
    ],
)
def test_only_the_same_host_and_port_are_taken(field: str, is_taken: bool) -> None:
    times = iter([0.0, 1.0])
    offers = Http3Offers(lambda: next(times, 1.0))
    offers.heard(ROUTE, field)
    assert (offers.version(ROUTE) is not None) == is_taken


def test_one_request_tries_it_and_the_others_follow_if_it_was_spoken() -> None:
    for is_spoken, then in ((True, pycurl.CURL_HTTP_VERSION_3ONLY), (False, None)):
        offers = Http3Offers()
        offers.heard(ROUTE, 'h3=":443"')
        assert offers.version(ROUTE) == pycurl.CURL_HTTP_VERSION_3
        assert offers.version(ROUTE) is None
        offers.ended(ROUTE, spoken=is_spoken)
        offers.heard(ROUTE, 'h3=":443"')
        assert offers.version(ROUTE) == then


def test_what_is_withdrawn_or_too_old_is_forgotten() -> None:
    now = [0.0]
    offers = Http3Offers(lambda: now[0])
    for end in ("clear", "time"):
        now[0] = 0.0
        offers.heard(ROUTE, 'h3=":443"; ma=10')
        offers.ended(ROUTE, spoken=True)
        assert offers.version(ROUTE) == pycurl.CURL_HTTP_VERSION_3ONLY
        if end == "clear":
            offers.heard(ROUTE, "clear")
        else:
            now[0] = 11.0
        assert offers.version(ROUTE) is None


def test_neither_plain_http_nor_a_proxy_makes_offers() -> None:
    for route in (Route("http", "h", 443, None), Route("https", "h", 443, Proxy("http", "p", 1))):
        offers = Http3Offers()
        offers.heard(route, 'h3=":443"')
        assert offers.version(route) is None
        assert offers.version(ROUTE) is None
