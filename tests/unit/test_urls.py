"""URLs are taken apart once, and what is shown of a value holds no secret."""

from __future__ import annotations

import contextlib
import dataclasses
import time

import pytest

from pyfetch.models import Outcome, Result, Target
from pyfetch.urls import UnsupportedScheme, escape_url, masked, masked_url, parse_url

SECRET = "s3cret"  # noqa: S105 - it is what is looked for


@pytest.mark.parametrize("url", ["http://h/a?b=c#d", "http://me:pw@H:80/a?b=c#d", "HTTP://h/a?b=c"])
def test_a_url_is_known_by_its_parts_however_it_is_written(url: str) -> None:
    """Origin, identity, path and query do not depend on credentials or on the fragment."""
    found = parse_url(url)
    assert (found.origin, found.scheme, found.host, found.port) == ("http://h:80", "http", "h", 80)
    assert (found.path, found.query) == ("/a", "b=c")
    assert "pw" not in found.identity
    assert "#" not in found.identity


def test_another_scheme_is_told_apart_from_what_is_no_url() -> None:
    """A list and a redirect give them different codes."""
    with pytest.raises(UnsupportedScheme):
        parse_url("ftp://h/a")


def test_no_secret_is_in_what_is_shown_of_a_target() -> None:
    """Neither a password of its URLs nor the value of a header."""
    url = parse_url(f"http://me:{SECRET}@h/a")
    target = Target(1, url, mirrors=(url,), headers=(("X-Key", SECRET),))
    assert SECRET not in f"{target} {url} {url!r}"
    assert "http://***@h/a" in repr(target)
    assert "X-Key" in repr(target)


def test_a_result_hides_passwords_and_never_changes() -> None:
    """Whoever makes it, and whatever its texts are."""
    url = f"http://me:{SECRET}@h/a"
    result = Result(1, url, Outcome.FAILED, url, detail=f"at {url}", input={"from": url})
    assert SECRET not in repr(result)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.size = 1  # type: ignore[misc]


@pytest.mark.parametrize("text", ["@" + "/" * 65_000, "//" * 30_000 + "@", "@//" * 30_000 + " "])
def test_masking_takes_linear_time(text: str) -> None:
    """A line of a list, or a field of a server, makes nobody deaf to Ctrl-C."""
    began = time.process_time()
    masked_url(text)
    masked(text)
    with contextlib.suppress(ValueError):
        parse_url(text)
    escape_url(text)
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p w@h/x", "http://***@h/x"),
        ("u:p@h//x@y", "***@y"),
        ("u:p w@h//x", "***@h//x"),
    ],
)
def test_of_what_is_no_url_all_that_may_be_a_password_is_hidden(text: str, shown: str) -> None:
    """Up to the last `@`, as nobody knows where it ends."""
    assert masked_url(text) == shown
