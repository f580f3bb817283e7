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
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from pyfetch import cpu
from pyfetch.attempt import Finished
from pyfetch.cluster import messages
from pyfetch.cluster.member_boxes import Inbox, Outbox
from pyfetch.cluster.member_hosts import MemberHosts
from pyfetch.cluster.pack_messages import ToPackingMember
from pyfetch.cluster.packing import AskedPacks
from pyfetch.cluster.probe import UnfitError, prove_output, remove_probe
from pyfetch.engine.download import Downloader
from pyfetch.engine.local import LocalEngine, new_engine
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.errors import RunError
from pyfetch.models import Target
from pyfetch.naming.template import Said
from pyfetch.processes.channel import Channel
from pyfetch.processes.child import pass_on
from pyfetch.processes.life import end_with_parent
from pyfetch.storage.destination import pack_store
from pyfetch.storage.ledger import NoLedger
from pyfetch.storage.packs.packing_order import PackingOrder
from pyfetch.system import STOPPING_SIGNALS, daemon

if TYPE_CHECKING:  # loaded where something is computed
    from pyfetch.cluster.member_computing import MemberStage

_REPORT_EVERY = 0.2
"""Seconds between two reports of transfers in flight."""
_ALIVE_EVERY = 2.0
"""The same if they are not shown: then a report only says that this process is alive."""
_PARTS_EVERY = 1.0
"""The same where numbers of the whole run are divided by who uses its part."""
_GATHER_ELSEWHERE = 0.01
"""Seconds for which messages are gathered where several programs have to pass each on."""


def main(connection_number: int, life_number: int) -> None:
    """Run a member; the process that has started this one is at the other end of these descriptors.

    Ends with it.
    """
    end_with_parent(life_number)
    pass_on(sys.stdout.fileno())  # so it is seen from there when what this process starts has ended
    # The other process gets these signals, too, and sends a message. With a handler, in place of
    # SIG_IGN, what this process starts does not ignore them.
    for number in STOPPING_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING_SIGNALS)
    channel = Channel(socket.socket(fileno=connection_number))
    try:
        channel.receive_descriptors()  # they stay open as long as this process runs
    except (EOFError, OSError):  # the process that started this one has ended
        sys.exit(1)
    run_member(channel)
    # All is sent, and the run waits for the end: to free each object first would take 50 ms.
    os._exit(0)


def run_member(channel: Channel) -> None:
    """Fetch what the coordinator at the other end of this connection wants, until that is all."""
    inbox = Inbox(channel)
    begin = inbox.take()
    assert isinstance(begin, messages.Begin)  # noqa: S101
    if begin.settings.cpu_pin:
        # Before any thread is started, as threads inherit the CPU.
        cpu.pin(cpu.claimed_seed() if begin.elsewhere else begin.place)
    is_gathered = begin.elsewhere and not begin.computing  # tasks wait for answers
    outbox = Outbox(channel, _GATHER_ELSEWHERE if is_gathered else 0.0)
    _log_to(outbox.put, begin.log_level)
    last: messages.MemberEnded | messages.IsUnfit
    try:
        if begin.elsewhere:
            inbox.lease = begin.elsewhere.lease
            begin = _at_home(begin, inbox, outbox.put)
        with _begun_stage(begin, outbox.put) as computing:
            if computing:
                outbox.put(messages.IsReady())
            last = _fetch(inbox, outbox.put, begin, computing)
    except UnfitError as error:
        last = messages.IsUnfit(str(error))
    except RunError as error:
        last = messages.MemberEnded(error, None)
    outbox.put(last)
    outbox.wait_until_sent()


def _begun_stage(
    begin: messages.Begin, send: Callable[[messages.FromMember], None]
) -> AbstractContextManager[MemberStage | None]:
    if begin.computing is None:
        return nullcontext()
    from pyfetch.cluster.member_computing import begun_stage

    return begun_stage(begin, begin.computing, send)


def _at_home(
    begin: messages.Begin, inbox: Inbox, send: Callable[[messages.FromMember], None]
) -> messages.Begin:
    """Find the output directory on another machine, or a place for files that do not stay.

    Raises `UnfitError`.
    """
    elsewhere = begin.elsewhere
    assert elsewhere  # noqa: S101
    place = os.getcwd()  # noqa: PTH109 - whoever has started this process removes it
    try:
        probe = prove_output(begin.settings.output_dir, elsewhere)
        send(probe)
    except UnfitError:
        if begin.settings.keep:
            raise
        return _with_own_place(begin, place)
    if begin.settings.in_bucket:
        return _with_own_home(begin, place)
    if begin.settings.keep:
        return begin
    answer = inbox.take()
    assert isinstance(answer, messages.OutputIsShared)  # noqa: S101
    if answer.is_shared:
        return begin
    remove_probe(begin.settings.output_dir, probe)  # nobody else sees it
    return _with_own_place(begin, place)


def _with_own_home(begin: messages.Begin, place: str) -> messages.Begin:
    """The same for a member that saves to a bucket: it has parts of its own in this directory."""
    from pyfetch.storage.cleanup import sweep
    from pyfetch.storage.destination import home_of
    from pyfetch.storage.filesystem import prepare

    begin = begin._replace(settings=replace(begin.settings, state_dir=place))
    home = home_of(begin.settings)
    prepare(home)
    sweep(home)
    return begin


def _with_own_place(begin: messages.Begin, place: str) -> messages.Begin:
    from pyfetch.cluster.member_computing import with_own_place

    return with_own_place(begin, place)


def _fetch(
    inbox: Inbox,
    send: Callable[[messages.FromMember], None],
    begin: messages.Begin,
    computing: MemberStage | None,
) -> messages.MemberEnded:
    def ask_for_more() -> bool:
        needs_more = engine.waiting > 0 or (stage is not None and stage.is_short)
        if needs_more:
            send(messages.NeedsMore(engine.waiting + (stage.left if stage else 0)))
        return needs_more

    stage = computing.stage if computing else None

    read_ahead = _EndlessReadAhead(ask_for_more)
    settings = begin.settings
    downloader = Downloader(settings, directory=begin.directory)
    names = _Names(send)
    order = PackingOrder(send)
    packs = None
    if settings.pack:
        store = pack_store(downloader.store)
        is_far = settings.in_bucket and begin.elsewhere is not None
        packs, store.writer.appended = AskedPacks(send, store, far=is_far), order.packed
    if settings.content_disposition or settings.names_by_type:
        downloader.rename = names.ask
    hosts = MemberHosts(send, downloader)
    engine = new_engine(settings, downloader, read_ahead, stage, make_queues=hosts.make_queues)
    hosts.tell, hosts.give_back = engine.tell, engine.give_back
    every = _REPORT_EVERY if begin.watched else _ALIVE_EVERY
    if settings.limit_rate or settings.rate_total:
        every = min(every, _PARTS_EVERY)
    daemon(lambda: _report_what_is_in_flight(engine, send, every, hosts), "in-flight").start()
    ledger = _Outcomes()
    if computing:
        computing.begin(downloader.store, lambda: engine.stopped, order.report)
        ledger.fetched = computing.ledger.fetched

    hear = _hearing(engine, names, hosts, computing, packs)
    error = None
    try:
        for result in engine.run(_targets(inbox, read_ahead, hear), ledger):
            attempt = ledger.finished_attempts.pop(result.index, None) or Finished(result)
            if computing and computing.has_own_place:
                result = result._replace(file=None)  # it goes with this process
            order.report(result.index, messages.TargetDone(result, attempt.facts, attempt.path))
        order.close()
        _close(packs)
    except RunError as caught:
        error = caught
    send(_report(engine, hosts))
    return messages.MemberEnded(error, engine.workers_summary, stage.used if stage else None)


def _close(packs: AskedPacks | None) -> None:
    if packs:
        packs.close()


def _hearing(
    engine: LocalEngine,
    names: _Names,
    hosts: MemberHosts,
    computing: MemberStage | None,
    packs: AskedPacks | None,
) -> Callable[[messages.ToMember], None]:
    """What takes in a message that is not about targets to come."""

    def hear(message: messages.ToMember) -> None:
        if isinstance(message, messages.NameGiven):
            names.give(message)
        elif isinstance(message, ToPackingMember):
            assert packs  # noqa: S101 - else none is asked for
            packs.hear(message)
        elif isinstance(message, messages.HostsTold | messages.RunBudget):
            hosts.told(message)
        elif isinstance(message, messages.StopNow):
            engine.stop()
        elif computing:
            computing.hear(message)

    return hear


def _targets(
    inbox: Inbox, read_ahead: _EndlessReadAhead, hear: Callable[[messages.ToMember], None]
) -> Iterator[Target]:
    """The targets to fetch, as they come. This process ends if the one that sends them does."""

    def hear_the_rest() -> NoReturn:
        while True:
            hear(inbox.take())

    while True:
        message = inbox.take()
        if isinstance(message, list):
            read_ahead.given(len(message))
            yield from message
            continue
        hear(message)
        if message is None or isinstance(message, messages.StopNow):
            # No more targets will come, but there may be answers, or a message to stop.
            daemon(hear_the_rest, "messages").start()
            return


def _report_what_is_in_flight(
    engine: LocalEngine,
    send: Callable[[messages.FromMember], None],
    every: float,
    hosts: MemberHosts,
) -> None:
    while True:
        time.sleep(every)
        send(_report(engine, hosts))


def _report(engine: LocalEngine, hosts: MemberHosts) -> messages.InFlightReport:
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
        return target.at(name.path, name.known)._replace(if_exists=name.if_exists)

    def give(self, name: messages.NameGiven) -> None:
        """A name has come."""
        self._wanted[name.target_index].put(name)


class _Outcomes(NoLedger):
    """Keeps how the last attempt at each target ended, until the result of the target is sent."""

    def __init__(self) -> None:
        self.finished_attempts: dict[int, Finished] = {}
        self.fetched: Callable[[Target, Finished], None] | None = None
        """Called for each file that is going to be computed."""

    def finished(self, target: Target, attempt: Finished) -> None:
        if self.fetched and attempt.result.ok:
            self.fetched(target, attempt)
        else:
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
