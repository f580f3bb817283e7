"""URLs are taken apart once, and what is shown of a value holds no secret."""

from __future__ import annotations

import contextlib

import pytest

from pyfetch.models import Outcome, Result, Target
from pyfetch.text import masked, masked_value
from pyfetch.urls import UnsupportedScheme, escape_url, masked_url, parse_url
from tests.support.cases import cases
from tests.support.measuring import takes_linear_time

SECRET = "s3cret"  # noqa: S105 - it is what is looked for


@cases("url", ["http://h/a?b=c#d", "http://me:pw@H:80/a?b=c#d", "HTTP://h/a?b=c"])
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
    with pytest.raises(AttributeError):
        result.size = 1  # type: ignore[misc]


@cases(("start", "unit", "end"), [("@", "/", ""), ("", "//", "@"), ("", "@//", " ")])
def test_whatever_is_done_to_a_line_takes_linear_time(start: str, unit: str, end: str) -> None:
    """A line of a list, or a field of a server, makes nobody deaf to Ctrl-C."""

    def read(size: int) -> None:
        text = start + unit * (size // len(unit)) + end
        masked_url(text)
        masked(text)
        with contextlib.suppress(ValueError):
            parse_url(text)
        escape_url(text)

    assert takes_linear_time(read, 90_000)


@cases(
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


@cases(
    "url",
    [
        "https://b.s3.test/k?X-Amz-Expires=9&X-Amz-Signature={}&X-Amz-Date=1",
        "https://b.s3.test/k?X-Amz-Security-Token={}#x",
        "https://s.test/k?x-goog-signature={}",
        "https://cdn.test/k?Expires=1&Signature={}&Key-Pair-Id=K",
        "https://a.test/k?sv=1&se=2&sig={}",
        "https://p.test/?u=https%3A%2F%2Fb.test%2Fk%3Fsig%3D{}%26se%3D1",
    ],
)
def test_what_signs_a_url_is_hidden_wherever_it_stands(url: str) -> None:
    """Alone, in a text, in a result, and at any depth of what the list says; names too."""
    shown = url.format("***")
    secret = url.format(SECRET)
    assert masked_url(secret) == shown
    assert masked(f"redirect to {secret}, then no more") == f"redirect to {shown}, then no more"
    said = {secret: [{"from": secret}, 1, ("http://me:pw@h/", None)], "design=1": "a=b"}
    result = Result(1, secret, Outcome.FAILED, secret, detail=f"at {secret}", input=said)
    assert SECRET not in repr(result)
    assert result.input == {shown: [{"from": shown}, 1, ["http://***@h/", None]], "design=1": "a=b"}


def test_what_needs_no_mask_is_not_copied() -> None:
    """The input of a record may be a megabyte."""
    said = {"a": [1, {"b": "c"}], "d": 1.5}
    assert masked_value(said) is said


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["@{}", "//[@{}", "http://a:1/{}@h/", "{}"])
def test_masking_of_any_text_takes_linear_time(ends: str) -> None:
    """The head of a response may have a quarter of a megabyte of it."""
    for unit in ("/", "//", "@", "//a:1/", "//a:1/b@c", "sig=", "%3Fsig%3D%26", "?"):

        def mask(size: int, unit: str = unit) -> None:
            text = ends.format(unit * (size // len(unit)))
            masked(text)
            masked_url(text)

        assert takes_linear_time(mask, 100_000), unit
