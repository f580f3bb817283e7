"""The coordinator over members that are made up: it knows nothing of how they are started."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from pyfetch.api import entries_from_items
from pyfetch.cluster.coordinator import Coordinator
from pyfetch.cluster.executor import Gone, Heard, RoomChanged
from pyfetch.cluster.messages import Begin, IsUnfit, MemberEnded, ProbeWritten, TargetDone
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.errors import StoppedError
from pyfetch.models import Failure, Result
from pyfetch.settings import Settings
from tests.support.cases import cases

URLS = [f"http://host/{number}" for number in range(50)]
Act = Callable[["MadeUpMember", Any], None]


class MadeUpMember:
    """Answers at once, in the thread of the coordinator. It stands for one on another machine."""

    is_local = False

    def __init__(self, executor: MadeUpExecutor, place: str, act: Act, heard: Heard) -> None:
        self.executor = executor
        self.place = self.where = place
        self.act = act
        self.heard = heard
        self.refused = False

    def send(self, message: Any) -> None:
        self.act(self, message)

    def kill(self) -> None:
        self.heard(Gone("killed"))

    def refuse(self) -> None:
        self.refused = True
        self.executor.free = [place for place in self.executor.free if place != self.place]


class MadeUpExecutor:
    """Has one place for each of these, which act in their own ways."""

    def __init__(self, **places: Act) -> None:
        self.places = places
        self.started: list[MadeUpMember] = []
        self.free = list(places)
        self.changed: Callable[[RoomChanged], None] = lambda _: None
        self.closed = False

    def watch(self, changed: Callable[[RoomChanged], None]) -> None:
        self.changed = changed

    def size(self) -> int:
        return len(self.places)

    def has_room(self) -> bool:
        return bool(self.free)

    def hold(self, descriptor: int) -> None:
        raise AssertionError("no files are kept")

    def start(self, begin: Begin, heard: Heard) -> MadeUpMember:
        place = self.free.pop(0)
        member = MadeUpMember(self, place, self.places[place], heard)
        self.started.append(member)
        member.send(begin)
        return member

    def close(self) -> None:
        self.closed = True


def fetches(member: MadeUpMember, message: Any) -> None:
    """Does all that it gets."""
    if isinstance(message, Begin):
        member.heard([ProbeWritten("", member.place)])
    elif isinstance(message, list):
        member.heard([TargetDone(target.as_failed(Failure.HTTP, member.place), None, None)
                      for target in message])  # fmt: skip
    else:
        member.heard([MemberEnded(None, None)])
        member.heard(Gone("exit status 0"))


def is_unfit(member: MadeUpMember, message: Any) -> None:
    """Says that it cannot work where it is."""
    if isinstance(message, Begin):
        member.heard([IsUnfit(f"{member.place} has no folder")])
        member.heard(Gone("exit status 0"))


def lacks_pyfetch(member: MadeUpMember, message: Any) -> None:
    """Never begins."""
    if isinstance(message, Begin):
        member.heard(Gone(f"{member.place} has no pyfetch", is_unfit=True))


def dies_with_work(member: MadeUpMember, message: Any) -> None:
    """Begins, and ends as soon as it gets targets."""
    if isinstance(message, list):
        member.heard(Gone("killed by SIGKILL"))
    else:
        fetches(member, message)


def loses_its_lease(member: MadeUpMember, message: Any) -> None:
    """Begins, and ends as soon as it gets targets, for which they are not to blame."""
    if isinstance(message, list):
        member.heard(Gone("its lease was over", is_blameless=True))
    else:
        fetches(member, message)


def is_stillborn(member: MadeUpMember, message: Any) -> None:
    """Ends as it begins, wherever it is started; another one may begin there."""
    if isinstance(message, Begin):
        member.executor.free.append(member.place)
        member.heard(Gone("exit status 1"))


def run_over(executor: MadeUpExecutor, number: int = len(URLS)) -> list[Result]:
    settings = Settings(discard=True, workers=2)
    shares = [settings] * 16
    coordinator = Coordinator(settings, executor, shares, read_ahead=ReadAhead())
    return list(coordinator.run(entries_from_items(URLS[:number])))


def test_members_get_work_when_they_have_shown_that_they_can_do_it() -> None:
    executor = MadeUpExecutor(a=fetches, b=fetches)
    assert sorted(result.index for result in run_over(executor)) == list(range(1, 51))
    assert executor.closed


@pytest.mark.parametrize("broken", [is_unfit, lacks_pyfetch])
def test_an_unfit_member_is_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture, broken: Act
) -> None:
    executor = MadeUpExecutor(a=broken, b=fetches)
    with caplog.at_level(logging.WARNING):
        results = run_over(executor)
    assert {result.detail for result in results} == {"b"}
    assert "a has no" in caplog.text
    assert executor.started[0].refused


def test_another_place_is_tried_for_the_only_url() -> None:
    (result,) = run_over(MadeUpExecutor(a=is_unfit, b=fetches), 1)
    assert result.detail == "b"


@cases("broken", [is_unfit, lacks_pyfetch])
def test_a_run_whose_members_are_all_unfit_says_why(broken: Act) -> None:
    with pytest.raises(StoppedError, match="has no"):
        run_over(MadeUpExecutor(a=broken, b=broken))


def test_a_target_under_which_three_members_ended_fails_alone() -> None:
    executor = MadeUpExecutor(
        a=dies_with_work, b=dies_with_work, c=dies_with_work, d=fetches, e=fetches
    )
    results = run_over(executor)
    assert len(results) == 50
    lost = [result for result in results if result.error is Failure.WORKER]
    assert len(lost) < 10
    assert all("SIGKILL" in (result.detail or "") for result in lost)


def test_a_target_is_not_to_blame_for_members_that_were_only_cut_off() -> None:
    executor = MadeUpExecutor(**dict.fromkeys("abcde", loses_its_lease), f=fetches)
    assert {result.detail for result in run_over(executor)} == {"f"}


def test_a_place_where_all_members_end_as_they_begin_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    executor = MadeUpExecutor(a=is_stillborn, b=is_stillborn, c=fetches)
    with caplog.at_level(logging.WARNING):
        results = run_over(executor)
    assert {result.detail for result in results} == {"c"}
    said = [caplog.text.count(f"3 processes on {one} ended as soon as they began") for one in "abc"]
    assert said == [1, 1, 0]


def test_a_run_whose_members_all_end_as_they_begin_ends_with_a_sentence() -> None:
    executor = MadeUpExecutor(a=is_stillborn, b=is_stillborn)
    with pytest.raises(StoppedError, match=r"3 processes on [ab] ended as soon as they began"):
        run_over(executor)


def test_the_loss_of_the_executor_ends_the_run_with_its_sentence() -> None:
    executor = MadeUpExecutor(a=fetches)

    def lose(member: MadeUpMember, message: Any) -> None:
        if isinstance(message, list):
            executor.changed(RoomChanged(StoppedError("the scheduler is gone")))
        else:
            fetches(member, message)

    executor.places["a"] = lose
    with pytest.raises(StoppedError, match="the scheduler is gone"):
        run_over(executor)


def test_places_that_come_later_get_work() -> None:
    executor = MadeUpExecutor(a=fetches)
    executor.free.clear()

    def bring(member: MadeUpMember, message: Any) -> None:
        fetches(member, message)

    class Late(MadeUpExecutor):
        def watch(self, changed: Callable[[RoomChanged], None]) -> None:
            self.places["b"] = bring
            self.free.append("b")
            changed(RoomChanged())

    late = Late()
    assert {result.detail for result in run_over(late)} == {"b"}
