"""The summary says how many files were computed, and what held the run back."""

from __future__ import annotations

from pyfetch.compute.account import Account
from pyfetch.compute.pool import Use
from tests.support.cases import cases


@cases(
    ("idle", "held"),
    [
        (0.0, "computing held the run back: processes worked 100% of the time"),
        (0.04, "computing held the run back: processes worked 96% of the time"),
        (0.5, "fetching held the run back: processes waited 50% of the time"),
        (1.0, "fetching held the run back: processes waited 100% of the time"),
    ],
)
def test_what_held_the_run_back_is_what_the_processes_did(idle: float, held: str) -> None:
    account = Account()
    account.count(computed=3)
    account.count(computed=1, known=2)
    told = account.summary(Use(2, 10 * idle, 10.0, "2 CPUs"))
    assert told == f"computed 4 (2 known from before) in 2 processes (2 CPUs); {held}"


def test_where_nothing_was_computed_nothing_held_the_run_back() -> None:
    account = Account()
    account.count(known=5)
    assert account.summary(Use(1, 0.3, 1.0, "2 CPUs")) == "computed 0 (5 known from before)"


def test_pools_add_up() -> None:
    """Each reason why there are so many is said once."""
    one = Use(2, 1.0, 4.0, "4 CPUs, fewer when memory got short")
    both = one.and_of(Use(1, 2.0, 2.0, "4 CPUs, one less while fetching was busy"))
    assert (both.most, both.idle) == (3, 0.5)
    assert both.why == "4 CPUs, fewer when memory got short, one less while fetching was busy"
