"""How much of the work a process has before it."""

from __future__ import annotations

import pytest

from pyfetch.cluster.workload import AHEAD, Workload


def test_it_is_small_at_the_start() -> None:
    assert Workload(4, 0.0).room() == 4


def test_it_is_about_a_second_of_work_when_that_is_known() -> None:
    workload = Workload(4, 0.0)
    for tick in range(1, 41):
        workload.given(workload.room())
        workload.finished(min(100, workload.outstanding), tick / 4)
    rate = min(100, workload.wanted) * 4
    assert workload.wanted == pytest.approx(4 + rate * AHEAD, rel=0.2)


def test_no_message_is_for_a_few_only() -> None:
    workload = Workload(4, 0.0)
    workload.given(4)
    workload.finished(4, 1.0)
    workload.given(workload.room())
    assert workload.outstanding == workload.wanted == 6
    workload.finished(1, 1.0)
    assert workload.room() == 0
    workload.finished(1, 1.0)
    assert workload.room() == 2
    workload.given(2)


def test_where_a_worker_has_nothing_to_do_any_number_is_worth_it() -> None:
    workload = Workload(8, 0.0)
    workload.given(8)
    workload.finished(1, 0.0)
    assert workload.room() == 1


def test_one_whose_targets_may_not_start_gets_others_for_its_idle_workers() -> None:
    workload = Workload(4, 0.0)
    workload.given(4)
    for waiting in (4, 8, 11):
        workload.needs_more(waiting)
        assert workload.room() == workload.idle_workers == 4 - (workload.outstanding - waiting)
        workload.given(workload.room())


def test_one_whose_targets_may_start_again_does_not_keep_more_than_others() -> None:
    workload = Workload(4, 0.0)
    workload.given(4)
    workload.needs_more(4)
    workload.given(workload.room())
    workload.finished(4, 0.1)
    assert workload.room() == 0
