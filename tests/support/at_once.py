"""Runs tests in several processes at once, which are forked once the tests are collected.

To import and collect the tests takes 3 s of CPU, and three times as long in a fresh clone, where
pytest has yet to compile them: here one process does it for all, instead of each for itself.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from itertools import groupby
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

import pytest

LOT = 8
"""Tests that a process takes at a time, at most: of one module, whose fixtures they share."""
_NUMBER = 4
"""Bytes of the number of a lot: so few are read from a pipe as a whole, by one process alone."""


class AtOnce:
    """The plugin of `--at-once`: the first process reports what the others have run."""

    def __init__(self, processes: int) -> None:
        self._processes = processes

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.config.option.collectonly or session.testsfailed:
            return None  # which pytest itself deals with
        # They share the directory for their files, which the first process deletes at the end.
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # noqa: SLF001
        queue, ours = _Queue(session.items), _Processes(session)
        try:
            for _ in range(self._processes):
                ours.fork(queue)
            while ours.running:
                ours.pass_reports_on()
                if session.shouldfail or session.shouldstop:
                    queue.drain()
        except KeyboardInterrupt:
            ours.interrupt()
            raise
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        ours.report_the_lost()
        return True


class _Queue:
    """The lots that nobody has taken yet: a pipe, from which each process reads their numbers."""

    def __init__(self, tests: Sequence[pytest.Item]) -> None:
        self._lots: list[list[pytest.Item]] = []
        for _, group in groupby(tests, lambda test: test.path):
            of_module = list(group)
            self._lots += [of_module[at : at + LOT] for at in range(0, len(of_module), LOT)]
        self._numbers, written = os.pipe()
        os.set_blocking(written, False)  # a pipe holds 16,000 of them: more are an error
        with os.fdopen(written, "wb") as pipe:
            for number in range(len(self._lots)):
                pipe.write(number.to_bytes(_NUMBER))

    def tests(self) -> Iterator[pytest.Item]:
        """Take lots until there are none."""
        while number := os.read(self._numbers, _NUMBER):
            yield from self._lots[int.from_bytes(number)]

    def drain(self) -> None:
        """Let nobody take another lot."""
        while os.read(self._numbers, 4096):
            pass


class _Processes:
    """The forked processes, as the first one sees them."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._unreported = {test.nodeid: test for test in session.items}
        self._failed: list[int] = []
        self.running: dict[Connection, int] = {}
        """By the connection over which a process sends its reports."""

    def fork(self, queue: _Queue) -> None:
        receiving, sending = Pipe(duplex=False)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        process = os.fork()
        if process == 0:
            for connection in (receiving, *self.running):
                connection.close()
            _run(self._session, queue, f"process-{len(self.running)}", sending)
        sending.close()
        self.running[receiving] = process

    def pass_reports_on(self) -> None:
        """Wait for reports, or the end of a process."""
        hook = self._session.config.hook
        for connection in wait(list(self.running)):
            assert isinstance(connection, Connection)
            try:
                sent = connection.recv()
            except EOFError:
                self._end(connection)
                continue
            for data in sent:
                report = hook.pytest_report_from_serializable(
                    config=self._session.config, data=data
                )
                self._unreported.pop(report.nodeid, None)
                hook.pytest_runtest_logreport(report=report)

    def _end(self, connection: Connection) -> None:
        _, status = os.waitpid(self.running.pop(connection), 0)
        connection.close()
        if status:
            self._failed.append(os.waitstatus_to_exitcode(status))

    def interrupt(self) -> None:
        """Let all of them end as this process does on Ctrl-C, and wait until they have."""
        for process in self.running.values():
            os.kill(process, signal.SIGINT)
        for connection in list(self.running):
            self._end(connection)

    def report_the_lost(self) -> None:
        """A test without a report has failed, and so has a process that did not end well."""
        for test in self._unreported.values():
            why = f"its process ended before this test had; exit statuses: {self._failed}"
            report = pytest.TestReport(
                test.nodeid, test.location, {}, outcome="failed", longrepr=why, when="call"
            )
            self._session.config.hook.pytest_runtest_logreport(report=report)
        if self._failed:
            raise self._session.Failed(f"exit statuses of processes of the tests: {self._failed}")


class _Teller:
    """A plugin in a forked process: sends the reports of each test once it is over."""

    def __init__(self, config: pytest.Config, sending: Connection) -> None:
        self._config = config
        self._sending = sending
        self._reports: list[Any] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self._config.hook
        self._reports.append(hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_runtest_logfinish(self) -> None:
        self._sending.send(self._reports)
        self._reports = []


def _run(session: pytest.Session, queue: _Queue, name: str, sending: Connection) -> NoReturn:
    """Run tests in this process, a forked one, as long as there are any."""
    status = 1
    try:
        _leave_the_terminal(session.config, name)
        session.config.pluginmanager.register(_Teller(session.config, sending))
        try:
            tests = queue.tests()
            test = next(tests, None)
            while test:
                following = next(tests, None)  # pytest asks which fixtures it needs, too
                session.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
                test = following
        finally:
            session._setupstate.teardown_exact(None)  # noqa: SLF001
        status = 0
    except KeyboardInterrupt:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _leave_the_terminal(config: pytest.Config, name: str) -> None:
    """Have an own place for captured output and for files; and show nothing."""
    plugins = config.pluginmanager
    plugins.unregister(name="terminalreporter")
    capturing: Any = plugins.get_plugin("capturemanager")
    capturing.stop_global_capturing()
    capturing.start_global_capturing()
    capturing.suspend_global_capture()
    factory: Any = config._tmp_path_factory  # type: ignore[attr-defined]  # noqa: SLF001
    factory._basetemp = factory.getbasetemp() / name  # noqa: SLF001
    factory.getbasetemp().mkdir()
