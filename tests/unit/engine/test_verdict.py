"""What an answer means for the request that it answers."""

from __future__ import annotations

import socket

from pyfetch.engine.verdict import Conditions, Question, Verdict
from pyfetch.headers import Fields
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.response import Response, framing_of
from pyfetch.http.response_head import StatusLine
from pyfetch.storage.parts import PartMetadata
from pyfetch.urls import parse_url
from tests.support.cases import cases

URL = "http://h/x"
PART = PartMetadata(URL, '"v1"', URL, 12, etag='"v1"', content_encoding="", media_type="a/b")
RANGE = Question(part=PART, part_length=4)
CONDITION = Question(conditions=Conditions({"If-None-Match": '"v1"'}, URL, 12))
WHOLE = Question()


def answer(status: int, url: str = URL, **headers: str) -> Response:
    lines = [(name.lower().replace("_", "-"), value) for name, value in headers.items()]
    fields = Fields(lines)
    here, there = socket.socketpair()
    with here, there:
        buffer = ReadBuffer(here)
    line = StatusLine(1, status, "")
    return Response(
        parse_url(url), line, fields, framing_of(status, fields), buffer, lambda _: None
    )


def rest(url: str = URL, etag: str = '"v1"', **headers: str) -> Response:
    return answer(206, url, ETag=etag, Content_Range="bytes 4-11/12", **headers)


@cases("question", [RANGE, CONDITION])
@cases("status", [400, 403, 405, 409, 412, 416, 417, 431, 501])
def test_a_refusal_of_a_range_or_a_condition_asks_for_the_whole(
    question: Question, status: int
) -> None:
    """And the same status, where neither was asked for, is an answer like any other."""
    assert question.verdict(answer(status)) is Verdict.ASK_AGAIN
    assert WHOLE.verdict(answer(status)) is Verdict.NO_FILE
    assert Question(is_second=True).verdict(answer(status)) is Verdict.NO_FILE


@cases("status", [401, 404, 407, 408, 410, 425, 429, 500, 502, 503, 504, 520])
def test_push_back_and_a_missing_page_are_no_refusals(status: int) -> None:
    """They would be the answer to a plain request, too; a log-in keeps the range."""
    assert RANGE.verdict(answer(status)) is Verdict.NO_FILE
    assert CONDITION.verdict(answer(status)) is Verdict.NO_FILE


def test_a_500_is_one_where_it_came_before() -> None:
    """Servers fail by chance, and some fail by the range."""
    assert RANGE._replace(distrusts_500=True).verdict(answer(500)) is Verdict.ASK_AGAIN
    assert Question(distrusts_500=True).verdict(answer(500)) is Verdict.NO_FILE
    assert RANGE._replace(distrusts_500=True).verdict(answer(502)) is Verdict.NO_FILE


@cases("status", [200, 203, 206])
@cases("content_range", ["bytes 4-11/12", "bytes 0-7/12"])
def test_a_slice_is_never_the_file(status: int, content_range: str) -> None:
    """The whole is asked for, once."""
    slice_ = answer(status, Content_Range=content_range, Content_Length="8")
    for question in (WHOLE, CONDITION):
        assert question.verdict(slice_) is Verdict.ASK_AGAIN
    if status != 206:
        assert RANGE.verdict(slice_) is Verdict.ASK_AGAIN
    assert Question(is_second=True).verdict(slice_) is Verdict.NO_FILE


def test_a_206_that_nobody_asked_for_is_whole_if_it_has_all_bytes() -> None:
    """Whatever the server calls it."""
    assert WHOLE.verdict(answer(206, Content_Range="bytes 0-11/12")) is Verdict.WHOLE
    full = answer(206, Content_Range="bytes 0-11/12", Content_Length="12")
    assert CONDITION.verdict(full) is Verdict.WHOLE
    short = answer(206, Content_Range="bytes 0-11/12", Content_Length="6")
    assert WHOLE.verdict(short) is Verdict.ASK_AGAIN
    assert WHOLE.verdict(answer(206)) is Verdict.ASK_AGAIN


def test_the_rest_of_a_part_is_what_goes_on_where_it_ends_with_the_same_total() -> None:
    """Of the same version, and to the end."""
    assert RANGE.verdict(rest()) is Verdict.REST
    for content_range in ("bytes 3-11/12", "bytes 4-10/12", "bytes 4-12/13", "bytes 0-11/12"):
        wrong = answer(206, ETag='"v1"', Content_Range=content_range)
        assert RANGE.verdict(wrong) is Verdict.ASK_AGAIN
    assert RANGE.verdict(rest(etag='"v2"')) is Verdict.ASK_AGAIN
    assert RANGE.verdict(rest(Content_Type="a/c")) is Verdict.ASK_AGAIN
    assert RANGE.verdict(answer(206, Content_Range="bytes 4-11/12")) is Verdict.ASK_AGAIN


def test_a_part_is_good_for_another_query_of_its_path_where_etag_and_total_agree() -> None:
    """Links are signed anew for each redirect. A date alone is too weak for that."""
    assert RANGE.verdict(rest(f"{URL}?sig=1")) is Verdict.REST
    assert RANGE.verdict(rest("http://h/y?sig=1")) is Verdict.ASK_AGAIN
    assert RANGE.verdict(rest("http://other/x")) is Verdict.ASK_AGAIN
    date = "Tue, 14 Nov 2023 22:13:20 GMT"
    by_date = RANGE._replace(part=PART.replaced(validator=date, etag=None))
    assert by_date.verdict(rest(f"{URL}?sig=1")) is Verdict.ASK_AGAIN
    assert by_date.verdict(rest()) is Verdict.REST
    by_checksum = by_date._replace(checksum_decides=True)
    assert by_checksum.verdict(rest(f"{URL}?sig=1")) is Verdict.REST


def test_a_304_of_another_query_counts_where_etag_and_length_agree() -> None:
    """As with a part."""
    other = f"{URL}?X-Amz-Date=1"
    assert CONDITION.verdict(answer(304)) is Verdict.UNCHANGED
    for length in ({}, {"Content_Length": "12"}, {"Content_Length": "0"}):
        assert CONDITION.verdict(answer(304, other, ETag='W/"v1"', **length)) is Verdict.UNCHANGED
    for wrong in (
        answer(304, other),
        answer(304, other, ETag='"v2"'),
        answer(304, other, ETag='"v1"', Content_Length="13"),
        answer(304, "http://h/y", ETag='"v1"'),
    ):
        assert CONDITION.verdict(wrong) is Verdict.ASK_AGAIN
    assert WHOLE.verdict(answer(304)) is Verdict.NO_FILE
