"""Sizes and times, as people write and read them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.units import (
    format_seconds,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
    parse_speed,
)
from tests.support.cases import cases


@cases(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("12B", 12),
        ("10M", 10 * 1024**2),
        ("10MiB", 10 * 1024**2),
        ("10MB", 10 * 1000**2),
        ("300kB", 300_000),
        ("1K", 1024),
        ("1k", 1024),
        ("1.5GiB", 3 * 1024**3 // 2),
        (".5K", 512),
        ("2.", 2),
        ("3T", 3 * 1024**4),
        ("1PB", 1000**5),
        (" 10 MB ", 10_000_000),
        ("10mib", 10 * 1024**2),
    ],
)
def test_a_size_is_written_as_in_coreutils(text: str, size: int) -> None:
    assert parse_size(text) == size


@cases(
    "text",
    ["", " ", "M", "B", "10X", "10MM", "10iB", "-1", "+1", "1e3", "1,5M", "0x10", "1.2.3", "."],
)
def test_what_is_no_size_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no size .*10M"):
        parse_size(text)


@cases("text", ["9" * 400, "9" * 300 + "P"])
def test_a_size_beyond_all_measure_is_a_size_or_no_size(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_size(text) >= int("9" * 300)


@given(st.integers(0, 2**80))
@example(2**53 + 1)
def test_a_size_in_bytes_is_exact(size: int) -> None:
    assert parse_size(str(size)) == size


@given(st.text() | st.from_regex(r"\A\s*[\d.]{0,400}\s*[kmgtpKMGTP]?(i?b)?\s*\Z"))
def test_no_text_is_another_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_size(text) >= 0


@cases(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.7, "1.0 kB"),
        (1000, "1.0 kB"),
        (1500, "1.5 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (20_000_000, "20.0 MB"),
        (5 * 10**9, "5.0 GB"),
        (5 * 10**12, "5.0 TB"),
        (5 * 10**15, "5.0 PB"),
        (5 * 10**18, "5000.0 PB"),
    ],
)
def test_a_size_is_shown_in_decimal_units(size: float, text: str) -> None:
    assert format_size(size) == text


@given(st.floats(0, 9e17))
def test_a_size_is_short_and_says_how_much(size: float) -> None:
    text = format_size(size)
    number, unit = text.split()
    assert len(text) <= len("999.9 kB")
    shown = float(number) * 1000 ** ["B", "kB", "MB", "GB", "TB", "PB"].index(unit)
    assert shown == pytest.approx(size, rel=0.05, abs=0.5)


@cases(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.045, "45 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1.0 s"),
        (3.2, "3.2 s"),
        (59.94, "59.9 s"),
        (59.95, "1:00"),
        (245, "4:05"),
        (3599.4, "59:59"),
        (3599.5, "1:00:00"),
        (3723, "1:02:03"),
        (360_000, "100:00:00"),
    ],
)
def test_a_time_is_shown_as_people_say_it(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@cases(
    ("text", "seconds"),
    [
        ("10", 10), ("0", 0), ("2.5", 2.5), (".5", 0.5), ("10s", 10), ("10 sec", 10),
        ("500ms", 0.5), ("5m", 300), ("5min", 300), ("1h30m", 5400), ("1d", 86400),
        ("1H 2M 3S", 3723), (" 7 ", 7),
    ],
)  # fmt: skip
def test_a_time_is_seconds_or_has_its_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@cases("text", ["", "s", "-1", "1e3", "nan", "inf", "10x", "5m10", "1,5s", "1:30", "10 s/s"])
def test_what_is_no_time_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time .*1h30m"):
        parse_duration(text)


@cases(
    ("text", "rate"),
    [("5/s", 5), ("100/min", 100 / 60), ("90/h", 0.025), ("1/10s", 0.1), ("3/2 min", 0.025)],
)
def test_a_rate_is_a_number_in_a_time(text: str, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@cases("text", ["", "5", "0/s", "/s", "5/", "5/0s", "5/x", "-1/s", "1/s/s"])
def test_what_is_no_rate_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no rate .*5/s"):
        parse_rate(text)


@cases(
    ("text", "speed"),
    [("10K", 10240), ("10K/s", 10240), ("1MB/s", 1_000_000), ("1.5MB / sec", 1_500_000)],
)
def test_a_speed_is_a_size_with_or_without_a_second(text: str, speed: int) -> None:
    assert parse_speed(text) == speed


@given(st.text() | st.from_regex(r"\A[\d./smhd ]*\Z"))
def test_no_text_makes_another_error_of_a_time_or_a_rate(text: str) -> None:
    for parse in (parse_duration, parse_rate):
        with contextlib.suppress(ValueError):
            assert parse(text) >= 0
