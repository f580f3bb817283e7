"""A fair semaphore."""

from __future__ import annotations

import threading
from functools import partial

from pyfetch.http.fair_turns import FairTurns
from tests.support.waiting import until


def has_waiting(turns: FairTurns, number: int) -> bool:
    return turns.waiting == number


def test_no_more_have_a_turn_than_may() -> None:
    turns = FairTurns(2)
    assert [turns.take(0), turns.take(0), turns.take(0.01)] == [True, True, False]
    turns.give_back()
    assert turns.take(0)


def test_who_waits_has_the_next_turn_and_not_who_gives_it_back() -> None:
    """Else a thread that always asks again would keep all others from it."""
    turns, order = FairTurns(1), list[str]()
    assert turns.take(0)

    def wait(name: str) -> None:
        assert turns.take(60)
        order.append(name)
        turns.give_back()

    threads = [threading.Thread(target=wait, args=(name,)) for name in ("first", "second")]
    for number, thread in enumerate(threads, 1):
        thread.start()
        until(partial(has_waiting, turns, number))
    turns.give_back()
    assert turns.take(60)
    order.append("who gave it back")
    for thread in threads:
        thread.join()
    assert order == ["first", "second", "who gave it back"]


def test_one_who_waited_in_vain_gets_none_later() -> None:
    turns = FairTurns(1)
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give_back()
    assert turns.take(0)
