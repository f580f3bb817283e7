"""A run over libcurl: one thread makes all attempts, and does what is due between them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from pyfetch import cpu
from pyfetch.attempt import AttemptOutcome, RedirectState
from pyfetch.engine.download import Downloader
from pyfetch.engine.download_attempt import Get, Step
from pyfetch.engine.local import Event, LocalEngine, affordable_jobs
from pyfetch.engine.mailbox import AT_ONCE, Mailbox
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.http.curl.client import CurlClient
from pyfetch.settings import Settings
from pyfetch.system import leave_signals_to_main
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where files are computed
    from pyfetch.compute.stage import ComputeStage

Steps = Generator[Step, RedirectState | None, AttemptOutcome]

_HELPERS = 4
"""Threads for what takes long, at most."""


class _ClientMailbox(Mailbox[Event]):
    """A mailbox whose taker moves the transfers on while it waits for items."""

    def __init__(self, client: CurlClient) -> None:
        super().__init__()
        self._client = client

    def put(self, item: Event) -> None:
        self._items.append(item)
        self._client.wake()

    def take(self, seconds: float | None) -> list[Event]:
        items, client = self._items, self._client
        until = math.inf if seconds is None else time.monotonic() + seconds
        has_items = partial(bool, items)
        while True:
            left = until - time.monotonic() if until < math.inf else math.inf
            client.wait(0.0 if items else left, has_items)
            if items or until <= time.monotonic():
                return [items.popleft() for _ in range(min(len(items), AT_ONCE))]


def _taken_from(mailbox: Mailbox[Event], seconds: float | None) -> list[Event]:
    return mailbox.take(seconds)


class LoopEngine(LocalEngine):
    """One run over one thread, which is the thread of the run."""

    def __init__(
        self, settings: Settings, download: Downloader, client: CurlClient, *,
        read_ahead: ReadAhead, stage: ComputeStage | None = None,
    ) -> None:  # fmt: skip
        mailbox = _ClientMailbox(client)
        super().__init__(
            jobs=affordable_jobs(settings), read_ahead=read_ahead, stage=stage,
            fail_fast=settings.fail_fast, mailbox=mailbox, wait=_taken_from,
        )  # fmt: skip
        self._download = download
        self._client = client
        self._helpers = ThreadPoolExecutor(
            _HELPERS, thread_name_prefix="pyfetch-helper", initializer=_begin_helper
        )
        self._turns: deque[Transfer] = deque()
        """Attempts that may begin now."""
        self._takes_turns = False

    def when_idle(self, call: Callable[[], None]) -> None:
        call()

    def _start_what_may(self) -> None:
        while transfer := self._dispatcher.next():
            self._take_turn(transfer)

    def _take_turn(self, transfer: Transfer) -> None:
        """Begin an attempt, and those that may follow one that has ended at once."""
        self._turns.append(transfer)
        if self._takes_turns:
            return
        self._takes_turns = True
        try:
            while self._turns:
                following = self._turns.popleft()
                steps = self._download.steps(following.target, following)
                self._go_on(following, steps, partial(next, steps))
        finally:
            self._takes_turns = False

    def _go_on(self, transfer: Transfer, steps: Steps, call: Callable[[], Step]) -> None:
        """Make the step that `call` leads to."""
        try:
            step = call()
        except StopIteration as ended:
            self._ended(transfer, ended.value)
            return
        except BaseException as error:
            self._dispatcher.failed(transfer, error)
            return
        self._make(transfer, steps, step)

    def _make(self, transfer: Transfer, steps: Steps, step: Step) -> None:
        if isinstance(step, Get):
            on_end = partial(self._answered, transfer, steps)
            self._client.start(step.state, step.fields, transfer, step.receiver, on_end)
            return
        self._helpers.submit(self._help, transfer, steps, partial(next, steps))

    def _help(self, transfer: Transfer, steps: Steps, call: Callable[[], Step]) -> None:
        """The work of a helper: lead an attempt to its next step."""
        try:
            step = call()
            then: Callable[[], None] = partial(self._make, transfer, steps, step)
        except StopIteration as ended:
            then = partial(self._ended, transfer, ended.value)
        except BaseException as error:
            then = partial(self._dispatcher.failed, transfer, error)
        self._client.post(then)

    def _answered(
        self,
        transfer: Transfer,
        steps: Steps,
        following: RedirectState | None,
        error: BaseException | None,
    ) -> None:
        """A GET has ended."""
        if error is None:
            self._go_on(transfer, steps, partial(steps.send, following))
        else:
            self._go_on(transfer, steps, partial(steps.throw, error))

    def _ended(self, transfer: Transfer, outcome: AttemptOutcome) -> None:
        try:
            following = self._dispatcher.ended(transfer, outcome)
        except BaseException as error:
            self._dispatcher.failed(transfer, error)
            return
        if following:
            self._take_turn(following)

    def _release(self) -> None:
        self._dispatcher.close()
        if self._stage:
            self._stage.close(stopped=self.stopped)
        self._client.close()
        self._helpers.shutdown(wait=True, cancel_futures=True)


def _begin_helper() -> None:
    leave_signals_to_main()
    cpu.leave_home()


def engine_over_libcurl(
    settings: Settings,
    download: Downloader,
    read_ahead: ReadAhead,
    stage: ComputeStage | None = None,
) -> LoopEngine:
    """An engine whose one thread makes all transfers.

    `stage`: what is done with files before their results are delivered.
    """
    client = download.client
    assert isinstance(client, CurlClient)  # noqa: S101 - by the same settings
    return LoopEngine(settings, download, client, read_ahead=read_ahead, stage=stage)
