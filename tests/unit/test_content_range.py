"""`Content-Range`: what is a slice, whatever the status says."""

from __future__ import annotations

from pyfetch.headers import ContentRange, is_slice, parse_content_range
from tests.support.cases import cases


@cases(
    ("value", "length"),
    [
        ("bytes 600-999/1000", 400),
        ("bytes 0-599/1000", 600),
        ("bytes 0-599/1000", None),
        ("Bytes 1-999/*", 999),
        ("bytes=5-9/10", 5),  # malformed, but no doubt what is meant
        ("bytes: 5 - 9 / 10", 5),
        ("bytes 9-9/9", 1),  # off by one, as some servers count
        ("bytes 0-9/10", 4),  # all of it is announced, and less is said to come
        ("bytes 0-4/10, bytes 0-9/10", 10),  # the field came twice
    ],
)
def test_a_body_that_is_said_to_be_a_part_is_a_slice(value: str, length: int | None) -> None:
    """However the field is written: a slice must never become the file."""
    assert is_slice(value, length)


@cases(
    "value",
    [
        None, "", "bytes", "bytes */10", "bytes 0-9/10", "bytes 0-10/10", "bytes 0-9/*",
        "items 5-9/100", "pages 2-2/3", "none",
    ],
)  # fmt: skip
def test_a_field_that_says_nothing_of_missing_bytes_makes_no_slice(value: str | None) -> None:
    """Of a 200 the field has no meaning (RFC 9110, section 14.4), and other units are no bytes."""
    assert not is_slice(value, 10)


def test_only_a_range_with_bytes_and_a_total_is_parsed() -> None:
    """For what goes behind a part there is no leniency."""
    assert parse_content_range("bytes 0-11/12") == ContentRange(0, 11, 12)
    for wrong in ("bytes=0-11/12", "bytes 0-11/*", "bytes 0-12/12", "bytes 5-1/12", "items 0-1/2"):
        assert parse_content_range(wrong) is None
