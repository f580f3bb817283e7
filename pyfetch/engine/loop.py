"""A run over libcurl: one thread makes all attempts, and does what is due between them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from pyfetch.attempt import AttemptOutcome, RedirectState
from pyfetch.engine.base import GRACE
from pyfetch.engine.download import Downloader
from pyfetch.engine.download_attempt import Get, Step
from pyfetch.engine.local import Event, LocalEngine, MakeQueues, Wait, affordable_jobs
from pyfetch.engine.mailbox import AT_ONCE, Mailbox
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.http.curl.client import CurlClient
from pyfetch.http.curl.helpers import LARGE
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.settings import Settings
from pyfetch.system import daemon
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where files are computed
    from pyfetch.compute.stage import ComputeStage

Steps = Generator[Step, RedirectState | None, AttemptOutcome]


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


def take_from(mailbox: Mailbox[Event], seconds: float | None) -> list[Event]:
    """Take items, moving transfers on meanwhile."""
    return mailbox.take(seconds)


class LoopEngine(LocalEngine):
    """One run over one thread, which is the thread of the run."""

    def __init__(
        self,
        settings: Settings,
        download: Downloader,
        client: CurlClient,
        *,
        jobs: Jobs,
        read_ahead: ReadAhead,
        stage: ComputeStage | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = take_from,
    ) -> None:
        super().__init__(
            jobs=jobs, read_ahead=read_ahead, stage=stage, fail_fast=settings.fail_fast,
            clock=clock, mailbox=_ClientMailbox(client), wait=wait,
        )  # fmt: skip
        self._download = download
        self._client = client
        self._helpers = client.helpers
        self._is_durable = settings.fsync
        self._turns: deque[Transfer] = deque()
        """Attempts that may begin now."""
        self._takes_turns = False

    def when_idle(self, call: Callable[[], None]) -> None:
        if self._helpers.wait(GRACE):
            call()
            return

        def wait_and_call() -> None:
            self._helpers.wait(None)
            call()

        daemon(wait_and_call, "last-helpers").start()

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
                self._go_on(following, steps, steps.send, None)
        finally:
            self._takes_turns = False

    def _go_on(
        self, transfer: Transfer, steps: Steps, call: Callable[[Any], Step], said: object
    ) -> None:
        """Make the step that `call`, with what it is to be `said`, leads to."""
        try:
            step = call(said)
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
            self._client.start(
                step.state, step.fields, transfer, step.receiver, on_end,
                head_blocks=step.head_blocks,
            )  # fmt: skip
            return
        further = partial(self._help, transfer, steps, steps.send, None)
        self._helpers.submit(further, waits=step.waits)

    def _help(
        self, transfer: Transfer, steps: Steps, call: Callable[[Any], Step], said: object
    ) -> None:
        """The work of a helper: lead an attempt to its next step."""
        try:
            step = call(said)
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
        received = transfer.received - transfer.resumed
        # Then a part may have to be made durable, or a large file to be closed.
        takes_long = received > LARGE or self._is_durable or (error and received)
        call: Callable[[Any], Step] = steps.throw if error else steps.send
        said = error or following
        if takes_long:
            self._helpers.submit(partial(self._help, transfer, steps, call, said))
        else:
            self._go_on(transfer, steps, call, said)

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
        self._client.give_up_all()
        self._helpers.close()
        self._client.close()


def engine_over_libcurl(
    settings: Settings,
    download: Downloader,
    read_ahead: ReadAhead,
    stage: ComputeStage | None = None,
    make_queues: MakeQueues = HostQueues,
) -> LoopEngine:
    """An engine whose one thread makes all transfers.

    `stage`: what is done with files before their results are delivered.
    """
    client = download.client
    assert isinstance(client, CurlClient)  # noqa: S101 - by the same settings
    return LoopEngine(
        settings, download, client,
        jobs=affordable_jobs(settings, make_queues), read_ahead=read_ahead, stage=stage,
    )  # fmt: skip
