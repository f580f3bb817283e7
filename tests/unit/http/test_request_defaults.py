"""Which fields and which login a request to a host has, at first and after a redirect."""

from __future__ import annotations

from pyfetch.http.request_defaults import DefaultsByOrigin, RequestDefaults
from pyfetch.settings.keywords import settings_from
from pyfetch.urls import parse_url
from tests.support.cases import cases

SECRETS = {"headers": {"X-Token": "s3cret", "Accept": "a/b"}, "user": "me:s3cret"}


def defaults(url: str, **settings: object) -> tuple[RequestDefaults, RequestDefaults]:
    return DefaultsByOrigin(settings_from({"netrc": False, **settings})).of(parse_url(url))


@cases(
    ("pattern", "url", "is_sent"),
    [
        ("a.test", "https://a.test/", True),
        ("*.test", "https://a.test/", True),
        ("a.test:443", "https://a.test/", True),
        ("*", "https://a.test/", False),  # it names nobody
        ("*:443", "https://a.test/", False),
        ("a.test", "http://a.test/", False),  # in clear text
        ("a.test", "https://a.test:8443/", False),  # at a port of the redirect's choice
        ("a.test:8443", "https://a.test:8443/", True),
        ("a.test:80", "http://a.test/", True),
    ],
)
def test_a_redirect_brings_secrets_only_to_a_host_that_is_named_for_them(
    pattern: str, url: str, is_sent: bool
) -> None:
    first, after = defaults(url, hosts={pattern: SECRETS})
    assert first.fields == SECRETS["headers"]
    assert after.fields == (SECRETS["headers"] if is_sent else {"Accept": "a/b"})
    assert first.login is not None
    assert (after.login is not None) is is_sent


def test_general_secrets_are_not_sent_after_a_redirect_whatever_host_it_leads_to() -> None:
    general = {"X-All": "s3cret", "Authorization": "s3cret", "Referer": "r"}
    for hosts in ({}, {"a.test": SECRETS}):
        first, after = defaults("https://a.test/", headers=general, hosts=hosts)
        assert first.fields["X-All"] == "s3cret"
        assert "X-All" not in after.fields
        assert after.fields["Referer"] == "r"
        assert "Authorization" not in after.fields


def test_the_user_of_a_host_is_sent_in_place_of_a_general_authorization() -> None:
    general = {"authorization": "Bearer all"}
    first, _ = defaults("http://a.test/", headers=general, hosts={"a.test": {"user": "me:x:y"}})
    assert first.fields == {}
    assert first.login is not None
    assert (first.login.user, first.login.password) == ("me", "x:y")
    other, _ = defaults("http://b.test/", headers=general, hosts={"a.test": {"user": "me:x"}})
    assert (other.fields, other.login) == (general, None)


def test_the_user_of_a_more_general_pattern_gives_way_to_a_token_of_the_host() -> None:
    hosts = {"*": {"user": "me:x"}, "a.test": {"headers": {"Authorization": "Bearer own"}}}
    first, _ = defaults("http://a.test/", hosts=hosts)
    assert (first.fields, first.login) == ({"Authorization": "Bearer own"}, None)


def test_no_value_is_shown() -> None:
    assert "s3cret" not in repr(defaults("https://a.test/", hosts={"a.test": SECRETS}))
