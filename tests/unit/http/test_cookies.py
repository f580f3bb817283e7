"""Cookies that servers set: which hosts get them back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Any

import pytest
import requests

from pyfetch.headers import Fields
from pyfetch.http.adapter import extract_cookies
from pyfetch.http.cookies import cookies_after, cookies_for, new_cookie_jar
from pyfetch.http.response import UNTIL_CLOSE, Response
from pyfetch.http.response_head import StatusLine
from pyfetch.urls import parse_url
from tests.support.cases import cases


class Redirects:
    """The answers to one URL, and what their cookies come to."""

    def __init__(self) -> None:
        self.kept: Mapping[str, CookieJar] = {}

    def answer(self, url: str, *cookies: str) -> None:
        """An answer that sets these."""
        parsed, status_line = parse_url(url), StatusLine(1, 302, "Found")
        fields = Fields([("set-cookie", cookie) for cookie in cookies])
        buffer: Any = None
        response = Response(parsed, status_line, fields, UNTIL_CLOSE, buffer, print)
        sent = cookies_for(self.kept, parsed.origin, None)
        request = requests.Request("GET", url).prepare()

        def extract(jar: CookieJar) -> None:
            extract_cookies(jar, request, response)

        self.kept = cookies_after(self.kept, parsed.origin, sent, extract)

    def sent_to(self, url: str) -> str:
        """What the field Cookie says in a request to a URL."""
        request = requests.Request("GET", url).prepare()
        jar = cookies_for(self.kept, parse_url(url).origin, None)
        request.prepare_cookies(jar if jar is not None else new_cookie_jar())
        return str(request.headers.get("Cookie", ""))


LOGGED_IN = "in=1; Path=/; Domain="


@cases(
    ("host", "domain", "others"),
    [
        ("login.example.org", ".example.org", ["www.example.org", "example.org"]),
        ("a.b.example.co.uk", "example.co.uk", ["example.co.uk", "x.y.example.co.uk"]),
        ("a.me.github.io", "me.github.io", ["b.me.github.io"]),
        ("example.org", "example.org", ["www.example.org"]),
        ("LOGIN.example.org", "Example.ORG", ["www.EXAMPLE.org:8080"]),
    ],
)
def test_a_cookie_for_a_parent_domain_goes_to_its_other_hosts(
    host: str, domain: str, others: list[str]
) -> None:
    """RFC 6265, section 5.1.3: also by https, and to other ports."""
    redirects = Redirects()
    redirects.answer(f"http://{host}/", LOGGED_IN + domain)
    for other in others:
        assert redirects.sent_to(f"http://{other}/x") == "in=1"
        assert redirects.sent_to(f"https://{other}/x") == "in=1"
    for stranger in ("other.test", f"not{domain.strip('.')}", f"{domain.strip('.')}.evil.test"):
        assert redirects.sent_to(f"http://{stranger}/") == ""


@cases(
    ("host", "domain"),
    [
        ("www.example.org", "org"),
        ("www.example.co.uk", "co.uk"),
        ("me.github.io", ".github.io"),
        ("a.xn--55qx5d.cn", "xn--55qx5d.cn"),
        ("www.example.org", "example.com"),
        ("example.org", "www.example.org"),
        ("127.0.0.1", "0.0.1"),
        ("127.0.0.1", ".0.1"),
        ("[::1]", "1]"),
    ],
)
def test_a_cookie_for_a_domain_that_is_not_the_hosts_own_is_refused(host: str, domain: str) -> None:
    """Else whoever has a site below a public suffix could speak for all others there."""
    redirects = Redirects()
    redirects.answer(f"http://{host}/", LOGGED_IN + domain)
    for other in (host, domain.strip("."), "other.co.uk", "you.github.io", "127.0.0.2"):
        if "]" not in other or other.startswith("["):
            assert redirects.sent_to(f"http://{other}/") == ""


def test_the_last_one_of_a_name_counts_whoever_has_set_it() -> None:
    """One host of a domain may change and take back what another one has set for it."""
    redirects = Redirects()
    redirects.answer("http://a.example.org/", LOGGED_IN + "example.org")
    redirects.answer("http://b.example.org/", "in=2; Path=/; Domain=example.org")
    assert redirects.sent_to("http://a.example.org/") == "in=2"
    redirects.answer("http://c.example.org/", "in=; Path=/; Domain=example.org; Max-Age=0")
    assert redirects.sent_to("http://a.example.org/") == ""


def test_secure_and_path_hold_for_the_other_hosts_too() -> None:
    """RFC 6265, section 5.4."""
    redirects = Redirects()
    redirects.answer(
        "https://a.example.org/in",
        "s=1; Secure; Path=/; Domain=example.org",
        "p=1; Path=/deep; Domain=example.org",
    )
    assert redirects.sent_to("http://b.example.org/") == ""
    assert redirects.sent_to("https://b.example.org/") == "s=1"
    assert redirects.sent_to("http://b.example.org/deep/x") == "p=1"


def test_a_cookie_without_a_domain_goes_back_to_its_origin_alone() -> None:
    """Neither to another port nor to a subdomain."""
    redirects = Redirects()
    redirects.answer("http://example.org/", "a=1; Path=/")
    assert redirects.sent_to("http://example.org/y") == "a=1"
    for other in ("http://www.example.org/", "http://example.org:81/", "https://example.org/"):
        assert redirects.sent_to(other) == ""


@cases("host", ["127.0.0.1", "localhost", "github.io"])
def test_what_has_no_hosts_below_it_sets_a_cookie_for_itself(host: str) -> None:
    """RFC 6265, section 5.3, step 5: such a `Domain` is as good as none."""
    redirects = Redirects()
    redirects.answer(f"http://{host}/", LOGGED_IN + host)
    assert redirects.sent_to(f"http://{host}/") == "in=1"
    for other in (f"http://{host}:81/", f"http://a.{host}/"):
        assert redirects.sent_to(other) == ""


@pytest.mark.slow
def test_what_few_servers_need_is_loaded_only_where_it_is_needed() -> None:
    """The list of suffixes takes a tenth of a second, what answers challenges ten milliseconds."""
    code = (
        "import sys, pyfetch.http.client;"
        " sys.exit(bool({'publicsuffixlist', 'pyfetch.http.digest'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
