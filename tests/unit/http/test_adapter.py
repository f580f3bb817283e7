"""What pyfetch relies on in `requests` and `urllib3` beyond how they are meant to be used."""

from __future__ import annotations

import ast
import inspect
import time
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

import pyfetch.http
from pyfetch.attempt import Assignment
from pyfetch.headers import Fields
from pyfetch.http.adapter import MAX_COOKIE_SIZE, Exchange, extract_cookies
from pyfetch.http.cookies import new_cookie_jar
from pyfetch.http.pool import ConnectionPool
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.response import UNTIL_CLOSE, Response
from pyfetch.http.response_head import StatusLine
from pyfetch.http.route import Route
from pyfetch.models import Target
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url
from tests.support.cases import cases

TEXT = "http://h.test/x"
URL = parse_url(TEXT)


class Pool:
    """Records what is sent and answers with one response."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        fields = Fields([("set-cookie", "a=1"), ("set-cookie", "b=2; Path=/y")])
        self.response = Response(
            URL, StatusLine(1, 200, "OK"), fields, UNTIL_CLOSE, cast("ReadBuffer", None), print
        )

    def send(self, *arguments: Any) -> Response:
        self.sent.append(arguments)
        return self.response


def plain_request() -> requests.PreparedRequest:
    return requests.Request("GET", TEXT, headers={"X-A": "b"}).prepare()


def test_requests_passes_our_request_on_and_our_response_back() -> None:
    """`HTTPAdapter.send` calls the methods that `Exchange` has, with what they take."""
    pool, route = Pool(), Route("http", "h.test", 80, None)
    transfer = Transfer(Assignment.first_of(Target(1, URL)))
    timeout = urllib3.Timeout(connect=1, read=2)
    exchange = Exchange(cast("ConnectionPool", pool), route, URL, transfer, timeout)
    assert exchange.run(plain_request(), {}) is pool.response
    ((sent_by, url, head, sent_for, seconds),) = pool.sent
    assert (sent_by, url, sent_for, seconds) == (route, URL, transfer, 2)
    assert head == b"GET /x HTTP/1.1\r\nHost: h.test\r\nX-A: b\r\n\r\n"


@cases(
    ("name", "parameters"),
    [
        ("send", ["self", "request", "stream", "timeout", "verify", "cert", "proxies"]),
        ("get_connection_with_tls_context", ["self", "request", "verify", "proxies", "cert"]),
        ("cert_verify", ["self", "conn", "url", "verify", "cert"]),
        ("request_url", ["self", "request", "proxies"]),
        ("build_response", ["self", "req", "resp"]),
    ],
)
def test_the_methods_of_an_adapter_take_what_they_took(name: str, parameters: list[str]) -> None:
    """A new signature is to be seen here before it is seen by users."""
    assert list(inspect.signature(getattr(HTTPAdapter, name)).parameters) == parameters


def test_each_set_cookie_is_found_where_requests_looks_for_it() -> None:
    """`requests` reads cookies from the fields of a response of `http.client`."""
    jar = new_cookie_jar()
    extract_cookies(jar, plain_request(), Pool().response)
    assert {(cookie.name, cookie.value) for cookie in jar} == {("a", "1"), ("b", "2")}


def test_of_the_cookies_only_those_that_may_be_of_use_are_read() -> None:
    """Each is read in linear time: a head of 256 KiB costs next to nothing."""
    jar = new_cookie_jar()
    response = Pool().response
    response.headers = Fields(
        [
            ("set-cookie2", "a;" * 120_000),
            ("set-cookie2", 'b="1"; Version=1'),
            ("set-cookie", "c=" + "1" * MAX_COOKIE_SIZE),
            ("set-cookie", "d=1; Expires=" + " " * 8000 + "x"),
            ("set-cookie", "e=1" + "; X" * 1000),
        ]
    )
    began = time.process_time()
    extract_cookies(jar, plain_request(), response)
    assert {cookie.name for cookie in jar} == {"d", "e"}
    assert time.process_time() - began < 0.5


SHARED_NAMES = {
    "Retry", "Timeout", "HTTPError", "PoolManager", "InvalidHeader", "parse_url", "ssl_wrap_socket",
}  # fmt: skip


@pytest.mark.slow
def test_of_urllib3_only_names_are_used_that_its_fork_has_too() -> None:
    """The package urllib3-future replaces `urllib3` by a fork with connections of another kind."""
    used = set()
    for file in Path(pyfetch.http.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("urllib3"):
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("urllib3") for alias in node.names), file
    assert used == SHARED_NAMES
