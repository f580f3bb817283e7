"""Who computes: one at a time, nobody waits for one who waits, and it is off where it does harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from pyfetch.baton import IDLE, PATIENCE, Baton

LONGEST = 5.0
"""Seconds after which a thread in a test has hung."""


@dataclass
class Clocks:
    """What time it is, and how much of it was computed."""

    now: float = 100.0
    computed: float = 0.0

    def baton(self, number: int = 1) -> Baton:
        return Baton(number, lambda: self.now, lambda: self.computed)


@contextmanager
def held_by_another(baton: Baton) -> Iterator[Callable[[], None]]:
    """While a thread holds it; what is given lets it go on and waits for its end."""
    holds, over = threading.Event(), threading.Event()

    def hold() -> None:
        baton.take()
        holds.set()
        over.wait(LONGEST)
        baton.give()

    def end() -> None:
        over.set()
        thread.join(LONGEST)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(LONGEST)
    try:
        yield end
    finally:
        end()


def taken_by_another(baton: Baton) -> bool:
    """Whether a thread that wants it now gets it, and not just goes on without."""
    got: list[bool] = []

    def want() -> None:
        baton.take()
        got.append(baton.is_held)
        baton.give()

    thread = threading.Thread(target=want)
    thread.start()
    thread.join(LONGEST)
    return got == [True]


def test_one_has_it_at_a_time() -> None:
    baton = Clocks().baton()
    busy = threading.Lock()
    at_once = 0

    def compute() -> None:
        nonlocal at_once
        for _ in range(200):
            baton.take()
            if not busy.acquire(blocking=False):
                at_once += 1
            else:
                busy.release()
            baton.give()

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST)
    assert at_once == 0


def test_who_has_it_may_take_it_again_and_give_it_once() -> None:
    baton = Clocks().baton()
    baton.take()
    baton.take()
    baton.give()
    assert taken_by_another(baton)


def test_to_give_what_one_does_not_have_changes_nothing() -> None:
    baton = Clocks().baton()
    with held_by_another(baton):
        baton.give()
        assert not taken_by_another(baton)


def test_who_waits_for_one_that_does_not_go_on_goes_on_without_it() -> None:
    clocks = Clocks()
    baton = clocks.baton()
    with held_by_another(baton):
        baton.take()
        assert not baton.is_held
        assert baton.is_off  # and the next one does not even wait
        clocks.now += 60
        assert not baton.is_off


@pytest.mark.parametrize(("waited", "off"), [(IDLE / 2, False), (IDLE * 3, True)])
def test_it_is_off_for_a_while_where_those_who_hold_it_mostly_wait(
    waited: float, off: bool
) -> None:
    clocks = Clocks()
    baton = clocks.baton()
    for _ in range(50):
        baton.take()
        clocks.now += 0.0001 + waited
        clocks.computed += 0.0001
        baton.give()
        if baton.is_off:
            break
    assert baton.is_off == off


def test_one_long_wait_does_not_turn_it_off() -> None:
    clocks = Clocks()
    baton = clocks.baton()
    baton.take()
    clocks.now += 10
    baton.give()
    assert not baton.is_off


def test_one_who_waits_gets_on_though_others_take_it_again_and_again() -> None:
    baton = Baton(2)
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            baton.take()
            baton.give()

    greedy = [threading.Thread(target=compute) for _ in range(2)]
    for thread in greedy:
        thread.start()
    began = time.monotonic()
    for _ in range(5):
        baton.take()
        baton.give()
    took = time.monotonic() - began
    over.set()
    for thread in greedy:
        thread.join(LONGEST)
    assert took < 5 * PATIENCE + 1


def test_nobody_takes_it_while_it_is_spared() -> None:
    spared = True
    baton = Baton(spared=lambda: spared)
    baton.take()
    assert not baton.is_held
    spared = False
    baton.take()
    spared = True
    assert baton.is_held
    baton.give()
    assert not baton.is_held


def test_so_many_have_it_as_there_are_permits() -> None:
    baton = Clocks().baton(2)
    with held_by_another(baton):
        assert taken_by_another(baton)
        with held_by_another(baton):
            assert not taken_by_another(baton)
