"""Netrc files: whose entry is for which host."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyfetch.http.credentials import Netrc
from pyfetch.settings import Settings
from pyfetch.urls import parse_url


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
