"""What merely signs a URL is no part of what the URL is."""

from __future__ import annotations

from pyfetch.signed_query import unsigned
from pyfetch.urls import parse_url
from tests.support.cases import cases

AZURE = "sv=2022-11-02&st=2024-01-01T00%3A00Z&se=2024-01-02T00%3A00Z&sr=b&sp=r&sig=a%2Fb%3D"


@cases(
    ("query", "left"),
    [
        ("X-Amz-Algorithm=A&X-Amz-Date=1&versionId=7&X-Amz-Signature=s", "versionId=7"),
        ("x-amz-security-token=t&x-amz-signature=s", ""),
        ("X-Goog-Date=1&X-Goog-Signature=s&generation=5", "generation=5"),
        ("Expires=1&Signature=s&Key-Pair-Id=k&lang=en", "lang=en"),
        ("Policy=p&Signature=s&Key-Pair-Id=k", ""),
        ("AWSAccessKeyId=a&Expires=1&Signature=s", ""),
        (f"{AZURE}&snapshot=3", "snapshot=3"),
        ("a=1&b&=c&X-Amz-Signature=s&a=2", "a=1&b&=c&a=2"),
    ],
)
def test_a_complete_group_of_parameters_that_sign_is_left_out(query: str, left: str) -> None:
    """The others stay, as they were and in their order."""
    expected = f"http://h/x?{left}#" if left else "http://h/x#"
    assert unsigned(f"http://h/x?{query}") == expected
    url = parse_url(f"http://me:pw@h/x?{query}#part")
    assert (url.identity, url.query, url.path) == (expected, left, "/x")
    assert url.exact == f"http://h/x?{query}"
    assert url.text.endswith(f"{query}#part")


@cases(
    "query",
    [
        "X-Amz-Date=1", "X-Goog-Credential=c", "Expires=1&Signature=s", "Signature=s&Key-Pair-Id=k",
        "sig=s", "sig=s&se=1&sp=r", "sv=1&se=1&sp=r", "signature=s&expires=1",
        "a=X-Amz-Signature=1",
    ],
)  # fmt: skip
def test_a_part_of_a_group_tells_files_apart_as_any_parameter(query: str) -> None:
    """`sig=` may be anything's name."""
    assert unsigned(f"http://h/x?{query}") == f"http://h/x?{query}"
    assert not parse_url(f"http://h/x?{query}").is_signed


def test_a_url_that_has_lost_parameters_is_no_url_that_had_none() -> None:
    """So both may stand in one list, each with a file of its own."""
    assert parse_url("http://h/x?X-Amz-Signature=s").identity != parse_url("http://h/x").identity
    signed, plain = "http://h/x?a=1&X-Goog-Signature=s", "http://h/x?a=1"
    assert parse_url(signed).identity != parse_url(plain).identity


def test_more_parameters_are_ignored_by_the_patterns_of_their_names() -> None:
    """In the case in which they are written; what was left out before stays out."""
    assert unsigned("http://h/x?token=1&b=2&Token=3", ["token"]) == "http://h/x?b=2&Token=3#"
    url = parse_url("http://h/x?utm_a=1&utm_b=2&c=3&X-Amz-Signature=s").ignoring(["utm_*"])
    assert url.identity == "http://h/x?c=3#"
    assert url.ignoring(["utm_*"]).identity == "http://h/x?c=3#"
    assert url.ignoring(["?"]).identity == "http://h/x#"
    assert parse_url("http://h/x").ignoring(["*"]).identity == "http://h/x"
