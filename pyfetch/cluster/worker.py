"""A process of a run: the same engine over its own threads, for the targets that it is given.

It ends with the process that made it: a file must never be put in its place by one that is
left over while another run goes on.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from pyfetch import cpu
from pyfetch.attempt import Attempt
from pyfetch.cluster.messages import (
    Begin,
    Ended,
    Finished,
    Flying,
    FromProcess,
    Hungry,
    InFlight,
    Said,
    StopNow,
    ToProcess,
)
from pyfetch.cluster.process import HOLD, SIGNALS
from pyfetch.engine.download import Downloader
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.engine.threads import ThreadEngine, engine_over_threads
from pyfetch.errors import RunError
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.storage.ledger import NoLedger
from pyfetch.system import daemon

LOOK_EVERY = 0.2
"""Seconds between two reports of what is in flight."""
ALIVE_EVERY = 2.0
"""The same where nobody looks: then it is a sign of life."""
_ENDLESS = 2**62
_MOST_HELD = 8
"""Descriptors that come with the first message, at most."""


def main(descriptor: int) -> None:
    """Be a process of the run at the other end of this socket."""
    # The one who made us hears of these too, and tells us.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    _hold(descriptor)
    connection = Connection(descriptor)
    begin = next(_told(connection))
    assert isinstance(begin, Begin)  # noqa: S101
    cpu.pin(begin.place)  # before any thread is started: they inherit it
    outbox = _Outbox(connection)
    _log_to(outbox.put, begin.verbosity)
    try:
        ended = _fetch_all(connection, outbox.put, begin.settings, watched=begin.watched)
    except RunError as error:
        ended = Ended(error, None)
    outbox.put(ended)
    outbox.wait_until_sent()
    os._exit(0)  # a worker may hang in a name look-up, which nothing can end


def _hold(descriptor: int) -> None:
    """Wait for what is to be held as long as this process lives."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        try:
            data, *_ = socket.recv_fds(connection, len(HOLD), _MOST_HELD)
        except OSError:
            data = b""
    if data != HOLD:  # whoever made us is gone
        os._exit(1)


def _fetch_all(
    connection: Connection,
    say: Callable[[FromProcess], None],
    settings: Settings,
    *,
    watched: bool,
) -> Ended:
    def hungry() -> bool:
        if engine.waiting:
            say(Hungry())
        return engine.waiting > 0

    window = _EndlessReadAhead(hungry)
    engine = engine_over_threads(settings, Downloader(settings), window)
    every = LOOK_EVERY if watched else ALIVE_EVERY
    daemon(lambda: _report_what_is_in_flight(engine, say, every), "in-flight").start()
    ledger = _Attempts()
    error = None
    try:
        for result in engine.run(_targets(connection, engine, window), ledger):
            attempt = ledger.ended.pop(result.index, None) or Attempt(result)
            say(Finished(result, attempt.facts, attempt.path))
    except RunError as caught:
        error = caught
    return Ended(error, engine.workers_summary)


def _targets(
    connection: Connection, engine: ThreadEngine, window: _EndlessReadAhead
) -> Iterator[Target]:
    """What is to be done, as it is told; the process ends with whoever tells it."""
    for told in _told(connection):
        if isinstance(told, list):
            window.given(len(told))
            yield from told
            continue
        # There will be no more; but there may be word to stop.
        daemon(lambda: _heed_the_end(connection, engine), "end").start()
        if isinstance(told, StopNow):
            engine.stop()
        return


def _heed_the_end(connection: Connection, engine: ThreadEngine) -> None:
    for told in _told(connection):
        if isinstance(told, StopNow):
            engine.stop()


def _told(connection: Connection) -> Iterator[ToProcess]:
    while True:
        try:
            yield connection.recv()
        except (EOFError, OSError):
            os._exit(1)


def _report_what_is_in_flight(
    engine: ThreadEngine, say: Callable[[FromProcess], None], every: float
) -> None:
    while True:
        time.sleep(every)
        transfers = [
            InFlight(each.target.index, each.received, each.resumed, each.size)
            for each in engine.in_flight
        ]
        say(Flying(transfers))


class _Outbox:
    """Sends what is put there, in a thread of its own: together what came meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages: queue.SimpleQueue[FromProcess] = queue.SimpleQueue()
        self.put = self._messages.put
        self._sender = daemon(self._send, "sender")
        self._sender.start()

    def wait_until_sent(self) -> None:
        """Wait for the last message, an `Ended`, to be on its way."""
        self._sender.join()

    def _send(self) -> None:
        while True:
            messages = [self._messages.get()]
            while not self._messages.empty():
                messages.append(self._messages.get())
            try:
                self._connection.send(messages)
            except OSError:
                os._exit(1)
            if isinstance(messages[-1], Ended):
                return


class _Attempts(NoLedger):
    """Keeps each target's last attempt until its result passes."""

    def __init__(self) -> None:
        self.ended: dict[int, Attempt] = {}

    def finished(self, target: Target, attempt: Attempt) -> None:
        self.ended[target.index] = attempt


class _EndlessReadAhead(ReadAhead):
    """Lets all be read that is given: whoever gives it has the bound. Says when more is needed."""

    def __init__(self, hungry: Callable[[], bool]) -> None:
        super().__init__(_ENDLESS)
        self._hungry = hungry
        self._unread = 0
        self._told = False

    def given(self, number: int) -> None:
        self._unread += number
        self._told = False

    def acquire(self) -> bool:
        self._unread -= 1
        return super().acquire()

    def widen(self) -> None:
        # The reader waits for one more than there is.
        if not self._told and self._unread < 0:
            self._told = self._hungry()


def _log_to(say: Callable[[FromProcess], None], verbosity: int) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(Said(record.levelno, self.format(record)))

    logger = logging.getLogger("pyfetch")
    logger.addHandler(Handler())
    logger.setLevel(verbosity)
