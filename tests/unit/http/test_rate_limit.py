"""What an answer says of its host, and how long it is to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate

from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.headers import Fields
from pyfetch.http.rate_limit import PAUSING_STATUSES, asked_wait, parse_retry_after, wait_when_spent
from pyfetch.scheduling.retry import RETRIED_STATUSES
from tests.support.cases import cases

NOON = datetime(1994, 11, 6, 12, 0, 0, tzinfo=UTC).timestamp()
NOW = 1_800_000_000.0
LATER = formatdate(NOW + 3600, usegmt=True)
LATER_BY_37 = formatdate(NOW + 3637, usegmt=True)


def fields(**values: str) -> Fields:
    """Header fields; underscores stand for hyphens."""
    return Fields([(name.replace("_", "-").lower(), value) for name, value in values.items()])


@cases(
    "given_fields",
    [
        {"Retry_After": "0"},
        {"Retry_After": "000"},
        {"Retry_After": LATER, "Date": LATER},
        {"Retry_After": LATER, "Date": LATER_BY_37},
        {"Retry_After": formatdate(NOW - 1, usegmt=True)},
        {"X_RateLimit_Reset": "0"},
        {"X_RateLimit_Reset": str(int(NOW) - 40)},
        {"X_RateLimit_Reset": str(int(NOW) + 40), "Date": LATER},
        {"RateLimit": '"default";r=0;t=0'},
    ],
)
def test_a_wait_of_nothing_is_no_hint(given_fields: dict[str, str]) -> None:
    """The host has just refused, and clocks differ: back off as if it had said nothing."""
    assert asked_wait(fields(**given_fields), NOW) is None


def test_a_status_that_pauses_a_host_is_one_that_may_pass() -> None:
    assert {429, 503} == PAUSING_STATUSES
    assert PAUSING_STATUSES <= RETRIED_STATUSES


def test_without_a_word_nothing_is_asked_for() -> None:
    assert asked_wait(fields(Server="x"), NOW) is None
    assert wait_when_spent(fields(Server="x"), NOW) is None


@cases(
    ("given_fields", "seconds"),
    [
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": '"default";r=50;t=30'}, 30),
        ({"RateLimit": '"burst";r=0;t=5, "daily";r=900;t=3600'}, 5),
        ({"RateLimit": '"burst";r=0;t=5, "daily";r=0;t=3600'}, 3600),
        ({"RateLimit": '"a";r=0', "RateLimit_Policy": '"b";q=9;w=1, "a";q=10;w=60'}, 60),
        ({"RateLimit": "default;r=0;t=7"}, 7),
        ({"Retry_After": "3", "RateLimit": '"default";r=0;t=30'}, 3),
        ({"X_RateLimit_Reset": "12"}, 12),
        ({"X_RateLimit_Reset": "1.5"}, 1.5),
        ({"X_RateLimit_Reset": str(int(NOW) + 40)}, 40),
        ({"X_RateLimit_Reset": "1", "Retry_After": "0"}, 1),
        ({"RateLimit": '"default";r=0;t=30', "Retry_After": "0"}, 30),
        ({"Date": LATER, "Retry_After": LATER_BY_37}, 37),
        ({"Date": LATER, "X_RateLimit_Reset": str(int(NOW) + 3600 + 40)}, 40),
        ({"RateLimit_Reset": "8"}, 8),
        ({"RateLimit": '"default";r=0;t=30', "X_RateLimit_Reset": "12"}, 30),
    ],
)
def test_an_answer_that_pushes_back_says_how_long(
    given_fields: dict[str, str], seconds: float
) -> None:
    assert asked_wait(fields(**given_fields), NOW) == seconds


@cases(
    ("given_fields", "seconds"),
    [
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": '"default";r=1;t=30'}, None),
        ({"RateLimit": '"burst";r=0;t=5, "daily";r=900;t=3600'}, 5),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "12"}, 12),
        ({"X_RateLimit_Remaining": "1", "X_RateLimit_Reset": "12"}, None),
        ({"X_RateLimit_Remaining": "0"}, None),
        ({"X_RateLimit_Reset": "12"}, None),
        ({"Retry_After": "12"}, None),
    ],
)
def test_an_answer_that_was_the_last_of_a_quota_says_when_the_next_begins(
    given_fields: dict[str, str], seconds: float | None
) -> None:
    assert wait_when_spent(fields(**given_fields), NOW) == seconds


@cases(
    "value",
    ["", "limit=10, remaining=0", '"x', '"a";r=0;t=-5', '"a";t=?1', "(a b);t=5", '"a"', "5"],
)
def test_rate_limits_that_say_nothing_are_passed_over(value: str) -> None:
    assert asked_wait(fields(RateLimit=value), NOW) is None


@given(
    st.dictionaries(
        st.sampled_from(["RateLimit", "RateLimit-Policy", "X-RateLimit-Reset", "Retry-After"]),
        st.text() | st.from_regex(r'"[a-z]*"(;[rtqw]=-?[0-9]{1,20}){0,3}', fullmatch=True),
    )
)
@example({"X-RateLimit-Reset": "9" * 400})
def test_no_field_is_an_error_and_no_wait_is_negative(values: dict[str, str]) -> None:
    headers = fields(**values)
    for wait in (asked_wait(headers), wait_when_spent(headers)):
        assert wait is None or wait >= 0


@cases(
    ("value", "seconds"),
    [("0", None), ("120", 120), (" 7 ", 7), ("007", 7), ("86400", 86400), ("9" * 20, 1e20)],
)
def test_retry_after_may_be_seconds(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, NOON) == seconds


@cases(
    "value",
    [
        "Sun, 06 Nov 1994 12:00:37 GMT",
        "Sunday, 06-Nov-94 12:00:37 GMT",
        "Sun Nov  6 12:00:37 1994",
    ],
)
def test_retry_after_may_be_a_date_in_each_format_of_rfc_9110(value: str) -> None:
    assert parse_retry_after(value, NOON) == 37


@cases("zone", ["-0000", "+0000", "UTC", ""])
def test_a_date_is_in_gmt(zone: str) -> None:
    assert parse_retry_after(f"Sun, 06 Nov 1994 12:00:37 {zone}", NOON) == 37


def test_a_date_is_counted_from_now_where_the_answer_has_none() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3500 < (asked_wait(fields(Retry_After=later)) or 0) <= 3600


@cases(
    "value",
    [
        "Sun, 06 Nov 1994 11:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 01 Jan 1900 00:00:00 GMT",
    ],
)
def test_a_date_in_the_past_is_no_hint(value: str) -> None:
    assert parse_retry_after(value, NOON) is None


@cases(
    "value",
    [
        None, "", " ", "-1", "+5", "1.5", "1e3", "0x10", "12 s", "120, 120", "soon", "²", "١٢",
        "Sun, 32 Nov 1994 12:00:37 GMT", "Sun, 06 Nov 1994 25:00:00 GMT", "Sun, 06 Nov 1994",
        "Sun, 06 Foo 1994 12:00:37 GMT", "Sun, 06 Nov 99999 12:00:37 GMT",
    ],
)  # fmt: skip
def test_what_says_nothing_is_none(value: str | None) -> None:
    assert parse_retry_after(value, NOON) is None


fragments = st.sampled_from(
    [
        "Sun,", "Sunday,", "Sun", "Nov", "nov", "06", "6", "6.", "94", "1994", "99999999999",
        "08:49:37", "08:49", "08.49.37", "24:00:00", "::", "GMT", "EST", "+9999", "-9999", "-0000",
        "+", "-", "06-Nov-94", "06-Nov-", ",", ".", "(x)", "٣", "²", "am", "0",
    ]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(fragments, max_size=8).map(" ".join)))
def test_no_text_is_an_error_and_no_wait_is_negative(value: str) -> None:
    seconds = parse_retry_after(value, NOON)
    assert seconds is None or seconds > 0


@given(st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 31)))
def test_any_date_is_understood(date: datetime) -> None:
    date = date.replace(microsecond=0, tzinfo=UTC)
    expected = max(0.0, date.timestamp() - NOON) or None
    assert parse_retry_after(format_datetime(date, usegmt=True), NOON) == expected
