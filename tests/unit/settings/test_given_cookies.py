"""Cookies as programs give them."""

from __future__ import annotations

import pickle
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
from requests.cookies import RequestsCookieJar

from pyfetch import Settings
from pyfetch.errors import UsageError
from pyfetch.settings import GivenCookies
from tests.support.cases import cases


def jar(**fields: Any) -> RequestsCookieJar:
    """A jar with one cookie."""
    cookies = RequestsCookieJar()
    cookies.set("sid", "s3cret", **fields)
    return cookies


def given(cookies: Any) -> GivenCookies:
    settings = Settings(cookies=cookies)
    assert isinstance(settings.cookies, GivenCookies)
    return settings.cookies


def test_a_mapping_is_for_the_origin_of_the_first_url() -> None:
    settings = Settings(cookies={"sid": "s3cret"})  # type: ignore[arg-type]
    assert given({"sid": "s3cret"}) == GivenCookies((("sid", "s3cret"),))
    assert settings.is_secret_of_first_origin


@cases(
    ("fields", "domain"),
    [
        ({"domain": "example.org"}, ".example.org"),
        ({"domain": ".Example.org"}, ".example.org"),
        ({"domain": "127.0.0.1"}, "127.0.0.1"),
        ({"domain": "localhost"}, "localhost"),
        ({"domain": "[::1]"}, "[::1]"),
    ],
)
def test_a_cookie_of_a_jar_goes_to_its_domain(fields: dict[str, Any], domain: str) -> None:
    settings = Settings(cookies=jar(**fields))  # type: ignore[arg-type]
    (cookie,) = given(jar(**fields)).of_domains
    assert cookie.domain == domain
    assert not settings.is_secret_of_first_origin


def test_a_cookie_without_a_domain_does_not_go_to_all_hosts() -> None:
    """`requests` would send it to all; it goes to the origin of the first URL."""
    assert given(jar()) == GivenCookies((("sid", "s3cret"),))


def test_a_cookie_that_has_expired_is_left_out() -> None:
    assert given(jar(domain="example.org", expires=1)) == GivenCookies()


@cases("cookies", [{"sid": "s3cret"}, jar(domain="example.org")])
def test_settings_with_cookies_are_values_that_show_no_secret(cookies: Any) -> None:
    """They go to worker processes, and into logs."""
    settings = Settings(cookies=cookies)
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301
    assert hash(settings) == hash(Settings(cookies=cookies))
    assert "sid" in repr(settings)
    assert "s3cret" not in repr(settings)
    assert not settings.names_files


def test_an_empty_jar_is_no_cookie_at_all() -> None:
    assert given(CookieJar()) == GivenCookies()


def test_a_path_is_that_of_a_file() -> None:
    settings = Settings(cookies=Path("cookies.txt"))  # type: ignore[arg-type]
    assert (settings.cookies, settings.names_files) == ("cookies.txt", True)


@cases(
    ("cookies", "message"),
    [
        ({"s id": "s3cret"}, "must have names without blanks"),
        ({"": "s3cret"}, "must have names"),
        ({3: "s3cret"}, "must have names"),
        ({"sid": 5}, "must be text: the value of the cookie named 'sid' is not"),
        ({"sid": None}, "must be text"),
        ({"sid": "s3cret\r\nX: y"}, "cookie named 'sid' has a character"),
        ({"sid": "s3cret; other=1"}, "cookie named 'sid' has a character"),
        ({"sid": "s3cret€"}, "cookie named 'sid' has a character"),
        ([("sid", "s3cret")], "must be a path, a mapping of names or a CookieJar"),
        (b"s3cret", "not of type bytes"),
    ],
)
def test_what_is_no_cookie_is_refused_without_its_value(cookies: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Settings(cookies=cookies)
    assert "s3cret" not in str(caught.value)
