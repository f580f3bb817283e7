"""The summary says how many files were computed, and what held the run back."""

from __future__ import annotations

from pyfetch.compute.account import Account
from pyfetch.compute.cpus import CpuShare
from pyfetch.compute.pool import Use
from pyfetch.compute.process_number import ProcessNumber
from pyfetch.settings import AUTO
from tests.support.cases import cases

NUMBER = ProcessNumber(AUTO, CpuShare(2, "2 CPUs"), memory=lambda: None)


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
    told = account.summary(Use(2, idle), NUMBER)
    assert told == f"computed 4 (2 known from before) in 2 processes (2 CPUs); {held}"


def test_where_nothing_was_computed_nothing_held_the_run_back() -> None:
    account = Account()
    account.count(known=5)
    assert account.summary(Use(1, 0.3), NUMBER) == "computed 0 (5 known from before)"
