"""What tells one version of a file from another."""

from __future__ import annotations

from pyfetch.headers import LONGEST_VALUE, Fields
from pyfetch.http.validators import (
    Representation,
    is_etag,
    is_of_another_version,
    is_validator,
    strong_validator,
)
from tests.support.cases import cases

DATE, SAME_DATE = "Tue, 14 Nov 2023 22:13:20 GMT", "Tuesday, 14-Nov-23 22:13:20 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
PLAIN = Representation('"v1"', DATE, "", "text/plain")


def fields(**headers: str) -> Fields:
    return Fields([(name.lower().replace("_", "-"), value) for name, value in headers.items()])


@cases(
    "answer",
    [
        {"ETag": '"v2"'},
        {"ETag": 'W/"v1"'},
        {},  # a strong ETag has to be repeated
        {"ETag": '"v1"', "Last_Modified": LATER},
        {"ETag": '"v1"', "Content_Encoding": "gzip"},
        {"ETag": '"v1"', "Content_Type": "text/html"},
        {"ETag": '"v1"', "Content_Type": "multipart/byteranges; boundary=x"},
    ],
)
def test_a_206_that_contradicts_anything_that_is_known_is_of_another_version(
    answer: dict[str, str],
) -> None:
    """One field that differs is enough, however well the others fit."""
    assert is_of_another_version(fields(**answer), '"v1"', PLAIN)


@cases(
    "answer",
    [
        {"ETag": '"v1"'},
        {"ETag": '"v1"', "Last_Modified": SAME_DATE, "Content_Encoding": "Identity"},
        {"ETag": '"v1"', "Content_Type": "Text/Plain; charset=utf-8"},
    ],
)
def test_what_a_206_leaves_out_or_writes_in_another_way_contradicts_nothing(
    answer: dict[str, str],
) -> None:
    """RFC 9110, section 15.3.7, lets a 206 leave out what the first answer has said."""
    assert not is_of_another_version(fields(**answer), '"v1"', PLAIN)


def test_a_date_as_validator_need_not_be_repeated() -> None:
    """But another date is another version."""
    known = Representation(None, DATE, "", "")
    assert not is_of_another_version(fields(), DATE, known)
    assert is_of_another_version(fields(Last_Modified=LATER), DATE, known)


def test_without_a_validator_a_weak_or_malformed_etag_tells_versions_apart() -> None:
    """Equal ones say little, but different ones are a contradiction."""
    for etag, other in (('W/"a"', 'W/"b"'), ("unquoted", "other"), ('W/"a"', '"b"')):
        known = Representation(etag, None, "", "")
        assert not is_of_another_version(fields(ETag=etag), "", known)
        assert is_of_another_version(fields(ETag=other), "", known)


def test_what_is_not_known_of_an_older_part_contradicts_nothing() -> None:
    """Notes of earlier versions have neither coding nor media type."""
    known = Representation(None, "", None, None)
    answer = fields(ETag='"v1"', Content_Encoding="gzip", Content_Type="a/b", Last_Modified=DATE)
    assert not is_of_another_version(answer, '"v1"', known)


def test_a_validator_of_more_than_8_kib_is_not_kept() -> None:
    """It would make requests that servers refuse as too long."""
    longest = f'"{"x" * (LONGEST_VALUE - 2)}"'
    assert strong_validator(fields(ETag=longest)) == longest
    for too_long in (f'"{"x" * (LONGEST_VALUE - 1)}"', f'W/"{"x" * LONGEST_VALUE}"'):
        assert strong_validator(fields(ETag=too_long)) is None
        assert not is_etag(too_long)
        assert not is_validator(too_long)
        assert Representation.of(fields(ETag=too_long)).etag is None
    padded = DATE + " " * LONGEST_VALUE
    assert strong_validator(fields(Last_Modified=padded, Date=LATER)) is None
