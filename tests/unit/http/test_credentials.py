"""Netrc files: whose entry is for which host."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import NoReturn

import pytest

from pyfetch.http.credentials import BadNetrc, Netrc, parse_netrc
from pyfetch.settings import Settings
from pyfetch.urls import parse_url
from tests.support.cases import cases


@pytest.fixture
def netrc(tmp_path: Path) -> Netrc:
    file = tmp_path / "netrc"
    file.write_text(
        "machine Example.TEST login a password s3cret\n"
        "machine Default login b password 2\n"
        "default login c password 3\n"
    )
    file.chmod(0o600)
    return Netrc(Settings(netrc_file=str(file)))


@cases(
    "text",
    [
        "machine h.test login first password 1\nmachine h.test login second password 2\n",
        "machine h.test login first password 1 machine H.TEST login second\n",
        "default login first\ndefault login second\n",
        "# machine h.test login x\nmacdef m\nmachine h.test login y\n\nmachine h.test user first",
        'machine h.test\n  login "first" # a comment\n  password "a \\" b"\n',
        "machine h.test login first password #1\n",
    ],
)
def test_of_two_entries_for_one_host_the_first_counts(text: str) -> None:
    """As in curl; and what stands in comments and macros is no entry."""
    hosts, default = parse_netrc(text)
    entry = hosts.get("h.test", default)
    assert entry is not None
    assert entry.user == "first"


@cases("text", ["x", "login a", "machine h.test passwort s3cret", "machine"])
def test_a_file_that_is_no_netrc_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(BadNetrc, match="line 1") as caught:
        parse_netrc(text)
    assert "s3cret" not in str(caught.value)


def test_without_a_home_directory_there_is_no_netrc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for a user whom the system does not know."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("NETRC", raising=False)

    def unknown(_: int) -> NoReturn:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert Netrc(Settings()).login(parse_url("http://h.test/")) is None


@pytest.mark.parametrize(
    ("url", "user", "is_named"),
    [
        ("http://example.test/", "a", True),
        ("HTTP://EXAMPLE.TEST/", "a", True),
        ("http://default/", "b", True),
        ("http://other.test/", "c", False),
    ],
)
def test_a_host_is_found_however_it_is_written(
    netrc: Netrc, url: str, user: str, is_named: bool
) -> None:
    """Host names are compared without regard to case (RFC 3986, section 3.2.2)."""
    login = netrc.login(parse_url(url))
    assert login is not None
    assert (login.user, login.is_named) == (user, is_named)
    assert "s3cret" not in repr(login)
