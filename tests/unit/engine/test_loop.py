"""The engine over libcurl brings attempts on step by step, each step for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

from pyfetch.attempt import AttemptOutcome, Finished, RedirectState
from pyfetch.engine.download_attempt import AFTER_OTHERS, BEFORE_WORK, Get, Step
from pyfetch.engine.local import jobs_by, workers_by
from pyfetch.engine.loop import LoopEngine
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.models import Outcome, Result, Target
from pyfetch.settings import Engine, Settings
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

TARGETS = [Target(index, parse_url(f"http://h/{index}"), f"{index}") for index in range(1, 4)]


class Attempts:
    """Attempts that do nothing but note what they are about to do."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps
        self.noted: list[tuple[str, int]] = []

    def steps(
        self, target: Target, transfer: Transfer
    ) -> Generator[Step, RedirectState | None, AttemptOutcome]:
        self.noted.append(("ask", target.index))
        request: Any = None
        yield Get(RedirectState(target.url), {}, request, head_blocks=False)
        for number, step in enumerate(self._steps):
            self.noted.append((f"step {number}", target.index))
            yield step
        self.noted.append(("end", target.index))
        return Finished(Result(target.index, target.url.text, Outcome.FETCHED))


class Answers:
    """A client whose requests all end in the same wait, and whose helper is at once done."""

    has_limits = False

    def __init__(self) -> None:
        self.posts: deque[Callable[[], None]] = deque()
        self._waiting: list[Callable[..., None]] = []
        self.helpers = SimpleNamespace(submit=self._submit, close=lambda: None)

    def _submit(self, call: Callable[[], None], *, waits: bool = False) -> None:
        call()

    def post(self, call: Callable[[], None]) -> None:
        self.posts.append(call)

    def start(self, *given: Any, head_blocks: bool) -> None:
        self._waiting.append(given[-1])

    def wait(
        self, seconds: float, is_wanted: Callable[[], bool], go_on: Callable[[], None]
    ) -> None:
        while self.posts:
            self.posts.popleft()()
        if len(self._waiting) == len(TARGETS):
            for on_end in self._waiting:
                on_end(None, None)
            self._waiting.clear()
        go_on()

    def wake(self) -> None:
        pass

    def give_up_all(self) -> None:
        pass

    def close(self) -> None:
        pass


def noted_in_a_run(*steps: Step) -> list[tuple[str, int]]:
    settings = Settings(engine=Engine.CURL, workers=len(TARGETS))
    attempts: Any = Attempts(*steps)
    client: Any = Answers()
    engine = LoopEngine(
        settings, attempts, client,
        jobs=jobs_by(settings, workers_by(settings)), read_ahead=ReadAhead(),
    )  # fmt: skip
    results = list(engine.run(TARGETS))
    assert sorted(result.index for result in results) == [1, 2, 3]
    noted: list[tuple[str, int]] = attempts.noted
    return noted


def each(*names: str) -> list[tuple[str, int]]:
    return [(name, target.index) for name in names for target in TARGETS]


def test_all_attempts_make_a_step_before_any_makes_the_next_one() -> None:
    """What each step needs stays in the caches of the CPU."""
    noted = noted_in_a_run(AFTER_OTHERS, AFTER_OTHERS)
    assert noted[-9:] == each("step 0", "step 1", "end")


def test_what_a_helper_has_begun_it_goes_on_with() -> None:
    """The loop would be held up by what takes long in a later step."""
    noted = noted_in_a_run(BEFORE_WORK, AFTER_OTHERS)
    names = ("step 0", "step 1", "end")
    assert noted[-9:] == [(name, target.index) for target in TARGETS for name in names]
