"""What many tell one: nothing is lost, nobody is kept waiting, and few wake-ups serve many."""

from __future__ import annotations

import threading
import time

from pyfetch.engine.mailbox import AT_ONCE, QUICK, TOGETHER, Mailbox
from tests.support.waiting import within


def test_all_that_many_threads_put_is_taken_once_and_in_each_ones_order() -> None:
    mailbox: Mailbox[tuple[int, int]] = Mailbox()

    def put(thread: int) -> None:
        for number in range(2000):
            mailbox.put((thread, number))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    taken: list[tuple[int, int]] = []
    until = time.monotonic() + 20
    while len(taken) < 8000 and time.monotonic() < until:
        taken += mailbox.take(1)
    assert len(mailbox) == 0
    for each in range(4):
        assert [number for of, number in taken if of == each] == list(range(2000))


def test_one_who_waits_without_end_is_woken() -> None:
    mailbox: Mailbox[str] = Mailbox()
    threading.Timer(0.05, mailbox.put, ["word"]).start()
    assert mailbox.take(None) == ["word"]


def test_nothing_is_what_comes_when_the_time_is_over() -> None:
    mailbox: Mailbox[str] = Mailbox()
    began = time.monotonic()
    assert mailbox.take(0.05) == []
    took = time.monotonic() - began
    assert took > 0.04
    assert within(1, took)


def test_what_was_put_before_anybody_waited_is_there_at_once() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.put(2)
    assert mailbox.take(0) == [1, 2]


def test_a_lone_event_is_followed_by_no_nap_and_several_are() -> None:
    naps: list[float] = []
    mailbox: Mailbox[int] = Mailbox(naps.append)
    mailbox.put(1)
    mailbox.take(None)
    mailbox.take(0)
    assert naps == []
    mailbox.put(1)
    mailbox.put(2)
    mailbox.take(None)
    mailbox.take(0.001)
    assert naps == [TOGETHER]


def test_a_patient_taker_is_not_woken_for_each_of_many() -> None:
    """Not for single items that come one after the other at once, nor for a few of many."""
    naps: list[float] = []
    mailbox: Mailbox[int] = Mailbox(naps.append, enough=3, clock=lambda: 0.0)
    for _ in range(QUICK + 1):
        mailbox.put(1)
        mailbox.take(None)
    assert naps == []
    for number in (1, 2, 3):
        for _ in range(number):
            mailbox.put(1)
        mailbox.take(None)
    assert naps[:2] == [TOGETHER, TOGETHER]
    assert naps[2] < TOGETHER


def test_so_many_are_taken_at_once_that_what_follows_need_not_wait_for_all() -> None:
    mailbox: Mailbox[int] = Mailbox(lambda _: None)
    for number in range(3 * AT_ONCE):
        mailbox.put(number)
    first = mailbox.take(None)
    assert len(first) == AT_ONCE
    rest = []
    while events := mailbox.take(0):
        rest += events
    assert first + rest == list(range(3 * AT_ONCE))
