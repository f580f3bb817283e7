"""A run over libcurl: one thread makes all attempts, and does what is due between them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from pyfetch.attempt import AttemptOutcome, RedirectState
from pyfetch.engine.base import GRACE
from pyfetch.engine.download import Downloader
from pyfetch.engine.download_attempt import AFTER_OTHERS, Get, Step
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

    def __init__(self, client: CurlClient, go_on: Callable[[], None]) -> None:
        """`go_on` is called as `CurlClient.wait` calls it."""
        super().__init__()
        self._client = client
        self._go_on = go_on

    def put(self, item: Event) -> None:
        self._items.append(item)
        self._client.wake()

    def take(self, seconds: float | None) -> list[Event]:
        items, client = self._items, self._client
        until = math.inf if seconds is None else time.monotonic() + seconds
        has_items = partial(bool, items)
        while True:
            left = until - time.monotonic() if until < math.inf else math.inf
            client.wait(0.0 if items else left, has_items, self._go_on)
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
            clock=clock, mailbox=_ClientMailbox(client, self._go_on), wait=wait,
        )  # fmt: skip
        self._download = download
        self._client = client
        self._helpers = client.helpers
        self._is_durable = settings.fsync
        self._due: list[tuple[Transfer, Steps, Callable[[Any], Step], object]] = []
        """Attempts that may go on: what leads to their next steps, and what it is to be told."""
        self._gets: list[tuple[Transfer, Steps, Get]] = []
        """Requests that may be sent."""
        self._outcomes: list[tuple[Transfer, AttemptOutcome]] = []
        """How attempts have ended."""

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
            self._begin_attempt(transfer)
        self._go_on()

    def _begin_attempt(self, transfer: Transfer) -> None:
        steps = self._download.steps(transfer.target, transfer)
        self._due.append((transfer, steps, steps.send, None))

    def _go_on(self) -> None:
        """Make all steps that may be made, each of them for all attempts before the next one.

        What a step needs is in the caches of the CPU then: this takes a fifth off the time of a
        small file.
        """
        while True:
            if self._due:
                due, self._due = self._due, []
                for one in due:
                    self._make_step(*one)
            elif self._outcomes:
                outcomes, self._outcomes = self._outcomes, []
                for transfer, outcome in outcomes:
                    self._ended(transfer, outcome)
            elif self._gets:
                gets, self._gets = self._gets, []
                for transfer, steps, get in gets:
                    self._send(transfer, steps, get)
            else:
                return

    def _make_step(
        self, transfer: Transfer, steps: Steps, call: Callable[[Any], Step], said: object
    ) -> None:
        """Make the step that `call`, with what it is to be `said`, leads to."""
        try:
            step = call(said)
        except StopIteration as ended:
            self._outcomes.append((transfer, ended.value))
        except BaseException as error:
            self._dispatcher.failed(transfer, error)
        else:
            self._made(transfer, steps, step)

    def _made(self, transfer: Transfer, steps: Steps, step: Step) -> None:
        if isinstance(step, Get):
            self._gets.append((transfer, steps, step))
        elif step is AFTER_OTHERS:
            self._due.append((transfer, steps, steps.send, None))
        else:
            further = partial(self._help, transfer, steps, steps.send, None)
            self._helpers.submit(further, waits=step.waits)

    def _send(self, transfer: Transfer, steps: Steps, get: Get) -> None:
        on_end = partial(self._answered, transfer, steps)
        self._client.start(
            get.state, get.fields, transfer, get.receiver, on_end, head_blocks=get.head_blocks
        )

    def _help(
        self, transfer: Transfer, steps: Steps, call: Callable[[Any], Step], said: object
    ) -> None:
        """The work of a helper: lead an attempt to its next step."""
        try:
            step = call(said)
            while step is AFTER_OTHERS:
                step = next(steps)
            then: Callable[[], None] = partial(self._made, transfer, steps, step)
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
            self._due.append((transfer, steps, call, said))

    def _ended(self, transfer: Transfer, outcome: AttemptOutcome) -> None:
        try:
            following = self._dispatcher.ended(transfer, outcome)
        except BaseException as error:
            self._dispatcher.failed(transfer, error)
            return
        if following:
            self._begin_attempt(following)

    def _release(self) -> None:
        self._dispatcher.close()
        if self._stage:
            self._stage.close(stopped=self.stopped)
        self._client.give_up_all()
        self._go_on()
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
