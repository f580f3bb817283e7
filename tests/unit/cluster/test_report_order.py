"""In which order a member reports what it has packed."""

from __future__ import annotations

import pytest

from pyfetch.cluster.report_order import ReportOrder


@pytest.fixture
def sent() -> list[str]:
    return []


@pytest.fixture
def order(sent: list[str]) -> ReportOrder[str]:
    return ReportOrder(sent.append)


def test_files_are_reported_in_the_order_in_which_they_were_packed(
    order: ReportOrder[str], sent: list[str]
) -> None:
    for index in (3, 1, 2):
        order.packed(index)
    order.report(2, "2 is there")
    order.report(1, "1 is fetched")
    order.report(1, "1 is computed")
    assert sent == []
    order.report(3, "3 is there")
    assert sent == ["3 is there", "1 is fetched", "1 is computed", "2 is there"]
    order.report(1, "1 is done")
    assert sent.pop() == "1 is done"


def test_what_was_not_packed_is_reported_at_once(order: ReportOrder[str], sent: list[str]) -> None:
    order.packed(1)
    order.report(2, "2 has failed")
    assert sent == ["2 has failed"]


def test_a_file_that_failed_after_it_was_packed_holds_up_no_other(
    order: ReportOrder[str], sent: list[str]
) -> None:
    """Nor does one that another attempt has packed again: its place is behind the others."""
    for index in (1, 2, 3, 1):
        order.packed(index)
    order.report(2, "2 has failed")
    order.report(3, "3 is there")
    assert sent == ["2 has failed", "3 is there"]


def test_at_the_end_all_is_reported(order: ReportOrder[str], sent: list[str]) -> None:
    """As when a run is stopped while a file is packed."""
    order.packed(1)
    order.packed(2)
    order.report(2, "2 is there")
    order.close()
    assert sent == ["2 is there"]
