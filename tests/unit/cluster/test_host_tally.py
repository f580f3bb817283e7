"""How often hosts were asked by several members, as the summary says it."""

from __future__ import annotations

import pytest

from pyfetch.cluster import host_tally
from pyfetch.cluster.host_tally import HostTally
from pyfetch.scheduling.host_budgets import HostAsked


def test_what_several_members_report_adds_up() -> None:
    tally = HostTally()
    tally.add([HostAsked("http://a:80", 11, 4.0, 0.0), HostAsked("http://b:80", 3, 4.0, 1.0)], 10.0)
    tally.add([HostAsked("http://a:80", 10, 3.0, 0.0)], 11.0)
    (first, second) = tally.busiest()
    assert (first.origin, first.requests) == ("http://a:80", 21)
    assert first.rate == pytest.approx(4)
    assert second.requests == 3
    assert tally.summary() == "asked most: a 4/s (21 requests), b 0.667/s (3 requests)"


def test_a_large_rate_has_no_exponent() -> None:
    tally = HostTally()
    tally.add([HostAsked("http://a:80", 2681, 2.0, 0.0)], 10.0)
    assert tally.summary() == "asked most: a 1340/s (2681 requests)"


def test_a_rate_over_a_moment_is_not_told() -> None:
    tally = HostTally()
    tally.add([HostAsked("http://a:80", 100, 0.1, 0.0)], 10.0)
    assert tally.summary() is None
    (host,) = tally.busiest()
    assert host.rate is None


def test_of_many_hosts_the_busiest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_tally, "_MOST_COUNTED", 4)
    tally = HostTally()
    for number in range(20):
        tally.add([HostAsked(f"http://h{number}:80", 20 - number, 2.0, 0.0)], 10.0)
    assert [host.requests for host in tally.busiest()][:4] == [20, 19, 18, 17]
    assert (tally.summary() or "").endswith("17 other hosts")
