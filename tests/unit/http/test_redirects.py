"""Redirects: which are followed, and what a scheme in capitals means."""

from __future__ import annotations

import pytest

from pyfetch.attempt import RedirectState
from pyfetch.http.redirects import follow
from pyfetch.models import Failure, TargetError
from pyfetch.settings import Settings
from pyfetch.urls import parse_url


def state(url: str) -> RedirectState:
    return RedirectState(parse_url(url))


@pytest.mark.parametrize("start", ["https://h/x", "HTTPS://h/x", "Https://H/x"])
@pytest.mark.parametrize("to", ["http://h/y", "HTTP://h/y"])
def test_no_downgrade_holds_however_a_scheme_is_written(start: str, to: str) -> None:
    """Schemes are compared without regard to case (RFC 3986, section 3.1)."""
    with pytest.raises(TargetError, match="--no-downgrade") as raised:
        follow(state(start), to, Settings(no_downgrade=True))
    assert raised.value.failure is Failure.FORBIDDEN_ADDRESS
    assert follow(state(start), to, Settings()).origin == "http://h:80"


@pytest.mark.parametrize("to", ["/y", "HTTPS://h/y", "https://other/y"])
def test_no_downgrade_lets_https_go_on_to_https(to: str) -> None:
    """Only the step from https to http is one down."""
    followed = follow(state("HTTPS://h/x"), to, Settings(no_downgrade=True))
    assert followed.origin.startswith("https:")
    assert followed.away is ("other" in to)
