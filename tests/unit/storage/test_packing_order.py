"""In which order it is told what was packed."""

from __future__ import annotations

import pytest

from pyfetch.storage.packs.packing_order import PackingOrder


@pytest.fixture
def sent() -> list[str]:
    return []


@pytest.fixture
def order(sent: list[str]) -> PackingOrder[str]:
    return PackingOrder(sent.append)


def test_files_are_reported_in_the_order_in_which_they_were_packed(
    order: PackingOrder[str], sent: list[str]
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


def test_what_was_not_packed_is_reported_at_once(order: PackingOrder[str], sent: list[str]) -> None:
    order.packed(1)
    order.report(2, "2 has failed")
    assert sent == ["2 has failed"]


def test_a_file_that_failed_after_it_was_packed_holds_up_no_other(
    order: PackingOrder[str], sent: list[str]
) -> None:
    """Nor does one that another attempt has packed again: its place is behind the others."""
    for index in (1, 2, 3, 1):
        order.packed(index)
    order.report(2, "2 has failed")
    order.report(3, "3 is there")
    assert sent == ["2 has failed", "3 is there"]


def test_at_the_end_all_is_reported(order: PackingOrder[str], sent: list[str]) -> None:
    """As when a run is stopped while a file is packed."""
    for index in (1, 2, 3):
        order.packed(index)
    order.report(3, "3 is there")
    order.report(2, "2 is there")
    order.close()
    assert sent == ["2 is there", "3 is there"]
