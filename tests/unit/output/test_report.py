"""What the page about a run says: figures, causes, and how much of it there is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyfetch.output.report.figures import Figures
from pyfetch.output.report.page import page
from pyfetch.output.report.series import BINS, Histogram, TimeSeries
from pyfetch.output.report.verdict import RunFacts, causes
from tests.support.cases import cases


def result(index: int, **changed: Any) -> dict[str, Any]:
    timing = {
        "began": 1000.0 + index, "queued": 0.5, "dns": None, "connect": None, "tls": None,
        "first_byte": 0.25, "body": 0.25, "ours": 0.0, "connections": 0,
        "attempts": [{"code": None, "status": 200, "seconds": 0.5, "wait": None}],
    } | changed.pop("timing", {})  # fmt: skip
    return {
        "index": index, "url": f"http://h/{index}", "outcome": "fetched", "status": 200,
        "size": 100, "error": None, "detail": None, "elapsed": 0.5, "timing": timing,
    } | changed  # fmt: skip


def test_an_amount_is_spread_over_its_time() -> None:
    series = TimeSeries(width=1.0)
    series.add(0.5, 2.5, 20)
    assert series.rates(3.0) == [5, 10, 5]


@cases("seconds", [1, 11.9, 12, 100, 86_400])
def test_no_run_is_too_long_for_a_series(seconds: float) -> None:
    series = TimeSeries(width=0.05)
    series.add(0, seconds, seconds)
    rates = series.rates(seconds)
    assert len(rates) <= BINS
    assert rates == pytest.approx([1.0] * len(rates), abs=0.01)


def test_values_are_counted_between_powers_of_two() -> None:
    histogram = Histogram()
    for value in (0, 0.0001, 0.003, 3, 4, 5):
        histogram.add(value)
    bars = dict(histogram.bars(0.001))
    assert (bars[2.0**-9], bars[2.0**-8], bars[4.0], bars[8.0], sum(bars.values())) == (
        2,
        1,
        2,
        1,
        6,
    )


def test_waits_of_several_urls_at_once_pause_a_host_once() -> None:
    figures = Figures(1000.0)
    for index in (1, 2, 3):
        tries = [
            {"code": "http", "status": 429, "seconds": 0.0, "wait": 2.0},
            {"code": None, "status": 200, "seconds": 0.5, "wait": None},
        ]
        figures.add(result(index, timing={"began": 1000.0, "attempts": tries}))
    (host,) = figures.hosts.values()
    assert host.paused == pytest.approx(2.0, abs=0.1)
    assert (host.too_many, figures.retries, len(figures.marks)) == (3, 3, 3)


@cases(
    ("timing", "facts", "name"),
    [
        ({"first_byte": 0.9, "body": 0.1}, {}, "latency"),
        ({"first_byte": 0.1, "body": 0.9}, {}, "bandwidth"),
        ({"first_byte": 0.1, "body": 0.9, "ours": 0.8}, {}, "disk and hashes"),
        ({"first_byte": 0.1, "body": 0.9, "ours": 0.8}, {"limit_rate": 5}, "--limit-rate"),
        ({"first_byte": 0.1, "body": 0.1, "dns": 0.8}, {}, "name look-ups"),
        ({"first_byte": 0.1, "body": 0.1, "tls": 0.8}, {}, "making connections"),
        ({"first_byte": 0.1, "body": 0.1}, {"workers": 8, "rate": 1.0}, "--rate"),
        ({"first_byte": 0.1, "body": 0.1}, {"workers": 8, "per_host": 1}, "--per-host"),
        ({"first_byte": 0.1, "body": 0.1}, {"workers": 8}, "idle workers"),
        ({"first_byte": 0.5, "body": 0.5}, {"cpu_seconds": 9.9}, "computing (CPU)"),
    ],
)
def test_what_held_the_run_back_comes_first(
    timing: dict[str, float], facts: dict[str, Any], name: str
) -> None:
    figures = Figures(1001.0)
    for index in range(1, 11):
        seconds = sum(value for key, value in timing.items() if key != "ours")
        attempts = [{"code": None, "status": 200, "seconds": seconds, "wait": None}]
        figures.add(result(index, timing={**timing, "queued": 0.0, "attempts": attempts}))
    known = {"seconds": 10.0, "workers": 1, "cpu_seconds": 1.0} | facts
    first, *_ = causes(figures, RunFacts(**known))
    assert first.name == name
    assert first.share > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("number", [10_000, 12_000])
def test_a_page_stays_below_a_megabyte_and_says_what_it_leaves_out(number: int) -> None:
    figures = Figures(1000.0)
    for index in range(1, number + 1):
        url = f"https://h{index % 50}.example.org/some/path/of/a/file-{index}.jpg"
        figures.add(result(index, url=url))
    html = page(figures, None, title="list")
    assert len(html.encode()) < 1_000_000
    listed = len(json.loads(html.partition('id="rows">')[2].partition("</script>")[0])["rows"])
    assert listed == number or f"A sample: {listed} of {number} URLs" in html
    assert listed >= 10_000


@pytest.mark.slow
def test_results_without_timing_have_a_page_too() -> None:
    figures = Figures()
    figures.add(result(1) | {"timing": None})
    html = page(figures, None, title="old")
    assert "do not say how long what took" in html


@cases(("code", "told"), [("map", "map ×1"), ("checksum", "checksum 200 ×1")])
@pytest.mark.slow
def test_a_status_is_told_beside_a_failure_of_its_answer_alone(code: str, told: str) -> None:
    """Where computing has failed, the answer was well."""
    figures = Figures()
    figures.add(result(1) | {"outcome": "failed", "error": code, "detail": "why"})
    html = page(figures, None, title="list")
    assert f'<td class="codes">{told}</td>' in html
    assert f"✗ {told.removesuffix(' ×1')}</strong> ×1" in html
