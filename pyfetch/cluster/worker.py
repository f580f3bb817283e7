"""The program of a member: an engine over threads, for the targets that the coordinator sends.

It ends when its connection ends, so that it never writes files during another run.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import NoReturn

from pyfetch import cpu
from pyfetch.attempt import Finished
from pyfetch.cluster import messages
from pyfetch.cluster.member_boxes import Inbox, Outbox
from pyfetch.cluster.member_hosts import MemberHosts
from pyfetch.cluster.probe import NotSharedError, prove_output
from pyfetch.cluster.process import HOLD
from pyfetch.engine.download import Downloader
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.engine.threads import ThreadEngine, engine_over_threads
from pyfetch.errors import RunError
from pyfetch.models import Target
from pyfetch.naming.template import Said
from pyfetch.storage.ledger import NoLedger
from pyfetch.system import STOPPING_SIGNALS, daemon

_REPORT_EVERY = 0.2
"""Seconds between two reports of transfers in flight."""
_ALIVE_EVERY = 2.0
"""The same if they are not shown: then a report only says that this process is alive."""
_PARTS_EVERY = 1.0
"""The same where numbers of the whole run are divided by who uses its part."""
_GATHER_ELSEWHERE = 0.01
"""Seconds for which messages are gathered where several programs have to pass each on."""
_MOST_HELD = 8
"""Descriptors that come with the first message, at most."""


def main(descriptor: int) -> None:
    """Run a worker process; the process that started it is at the other end of this socket."""
    # The other process gets these signals, too, and sends a message.
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING_SIGNALS)
    _keep_open(descriptor)
    run_member(Connection(descriptor))


def run_member(connection: Connection) -> None:
    """Fetch what the coordinator at the other end of this connection wants, until that is all."""
    inbox = Inbox(connection)
    begin = inbox.take()
    assert isinstance(begin, messages.Begin)  # noqa: S101
    if begin.settings.cpu_pin:
        cpu.pin(begin.place)  # before any thread is started, as threads inherit the CPU
    outbox = Outbox(connection, _GATHER_ELSEWHERE if begin.elsewhere else 0.0)
    _log_to(outbox.put, begin.log_level)
    last: messages.MemberEnded | messages.IsUnfit
    try:
        if begin.elsewhere:
            inbox.lease = begin.elsewhere.lease
            outbox.put(prove_output(begin.settings.output_dir, begin.elsewhere))
        last = _fetch(inbox, outbox.put, begin)
    except NotSharedError as error:
        last = messages.IsUnfit(str(error))
    except RunError as error:
        last = messages.MemberEnded(error, None)
    outbox.put(last)
    outbox.wait_until_sent()


def _keep_open(descriptor: int) -> None:
    """Receive the descriptors that have to stay open as long as this process runs."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        try:
            data, *_ = socket.recv_fds(connection, len(HOLD), _MOST_HELD)
        except OSError:
            data = b""
    if data != HOLD:  # the process that started this one has ended
        sys.exit(1)


def _fetch(
    inbox: Inbox, send: Callable[[messages.FromMember], None], begin: messages.Begin
) -> messages.MemberEnded:
    def ask_for_more() -> bool:
        waiting = engine.waiting
        if waiting:
            send(messages.NeedsMore(waiting))
        return waiting > 0

    read_ahead = _EndlessReadAhead(ask_for_more)
    settings = begin.settings
    downloader = Downloader(settings, directory=begin.directory)
    names = _Names(send)
    if settings.content_disposition or settings.names_by_type:
        downloader.rename = names.ask
    hosts = MemberHosts(send, downloader)
    engine = engine_over_threads(settings, downloader, read_ahead, make_queues=hosts.make_queues)
    hosts.tell = engine.tell
    every = _REPORT_EVERY if begin.watched else _ALIVE_EVERY
    if settings.limit_rate or settings.rate_total:
        every = min(every, _PARTS_EVERY)
    daemon(lambda: _report_what_is_in_flight(engine, send, every, hosts), "in-flight").start()
    ledger = _Outcomes()
    error = None
    try:
        for result in engine.run(_targets(inbox, engine, read_ahead, names, hosts), ledger):
            attempt = ledger.finished_attempts.pop(result.index, None) or Finished(result)
            send(messages.TargetDone(result, attempt.facts, attempt.path))
    except RunError as caught:
        error = caught
    send(_report(engine, hosts))
    return messages.MemberEnded(error, engine.workers_summary)


def _targets(
    inbox: Inbox,
    engine: ThreadEngine,
    read_ahead: _EndlessReadAhead,
    names: _Names,
    hosts: MemberHosts,
) -> Iterator[Target]:
    """The targets to fetch, as they come. This process ends if the one that sends them does."""
    while True:
        message = inbox.take()
        if isinstance(message, list):
            read_ahead.given(len(message))
            yield from message
            continue
        if isinstance(message, messages.NameGiven):
            names.give(message)
            continue
        if isinstance(message, messages.HostsTold | messages.RunBudget):
            hosts.told(message)
            continue
        # No more targets will come, but there may be names, or a message to stop.
        daemon(lambda: _hear_the_rest(inbox, engine, names, hosts), "messages").start()
        if isinstance(message, messages.StopNow):
            engine.stop()
        return


def _hear_the_rest(
    inbox: Inbox, engine: ThreadEngine, names: _Names, hosts: MemberHosts
) -> NoReturn:
    while True:
        message = inbox.take()
        if isinstance(message, messages.NameGiven):
            names.give(message)
        elif isinstance(message, messages.HostsTold | messages.RunBudget):
            hosts.told(message)
        elif isinstance(message, messages.StopNow):
            engine.stop()


def _report_what_is_in_flight(
    engine: ThreadEngine,
    send: Callable[[messages.FromMember], None],
    every: float,
    hosts: MemberHosts,
) -> None:
    while True:
        time.sleep(every)
        send(_report(engine, hosts))


def _report(engine: ThreadEngine, hosts: MemberHosts) -> messages.InFlightReport:
    transfers = [
        messages.TransferState(
            each.target.index, each.received, each.resumed, each.size, each.phase
        )
        for each in engine.in_flight
    ]
    return messages.InFlightReport(transfers, engine.activity(), hosts.take_asked())


class _Names:
    """Asks the coordinator, which has the state, for the names that depend on answers."""

    def __init__(self, send: Callable[[messages.FromMember], None]) -> None:
        self._send = send
        self._wanted: dict[int, queue.SimpleQueue[messages.NameGiven]] = {}

    def ask(self, target: Target, said: Said, *, beside: bool = False) -> Target:
        """The target with the path that the coordinator gives it. Waits for that."""
        given = self._wanted[target.index] = queue.SimpleQueue()
        self._send(messages.NameWanted(target.index, said, beside))
        name = given.get()
        del self._wanted[target.index]
        return target.at(name.path, name.known)

    def give(self, name: messages.NameGiven) -> None:
        """A name has come."""
        self._wanted[name.target_index].put(name)


class _Outcomes(NoLedger):
    """Keeps how the last attempt at each target ended, until the result of the target is sent."""

    def __init__(self) -> None:
        self.finished_attempts: dict[int, Finished] = {}

    def finished(self, target: Target, attempt: Finished) -> None:
        self.finished_attempts[target.index] = attempt


class _EndlessReadAhead(ReadAhead):
    """Reads all targets that come, as the coordinator limits their number; asks it for more."""

    def __init__(self, ask_for_more: Callable[[], bool]) -> None:
        super().__init__(sys.maxsize, most_bytes=sys.maxsize)
        self._ask_for_more = ask_for_more
        self._unread = 0
        self._has_asked = False

    def given(self, number: int) -> None:
        """`number` more targets have come."""
        self._unread += number
        self._has_asked = False

    def acquire(self) -> bool:
        self._unread -= 1
        return super().acquire()

    def widen(self, workers: int = 0) -> None:  # noqa: ARG002
        # Below zero: all targets were read, and the reader waits for another one.
        if not self._has_asked and self._unread < 0:
            self._has_asked = self._ask_for_more()


def _log_to(send: Callable[[messages.FromMember], None], level: int) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            send(messages.LogLine(record.levelno, self.format(record)))

    logger = logging.getLogger("pyfetch")
    logger.addHandler(Handler())
    logger.setLevel(level)
