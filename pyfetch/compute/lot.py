"""Computes files in lots: one look into the state, one message and one commit for several."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyfetch.attempt import Finished
from pyfetch.compute.account import Account
from pyfetch.compute.messages import Failed, Order, Reply, Succeeded
from pyfetch.compute.runner import Runner, Stopped
from pyfetch.compute.task import Task
from pyfetch.models import Failure, Result, Target, TargetError
from pyfetch.storage.computed_file import ComputedFile
from pyfetch.storage.computed_files import ComputedFiles


class Fetched(NamedTuple):
    """A file that was fetched, or that is there, to be computed."""

    target: Target
    finished: Finished


Computed = tuple[Target, Result]
"""A target, and its result with what came of the task."""


class _InWork(NamedTuple):
    """A file for which the task is run."""

    fetched: Fetched
    file: ComputedFile
    order: Order

    @property
    def result(self) -> Result:
        """The result of the URL, without a value."""
        return self.fetched.finished.result


class LotComputer:
    """Computes lots of files, and hands their results on. For the threads of a pool."""

    def __init__(
        self,
        task: Task,
        files: ComputedFiles,
        account: Account,
        hand_on: Callable[[Sequence[Computed]], None],
    ) -> None:
        self._task = task
        self._files = files
        self._account = account
        self._hand_on = hand_on

    def compute(self, runner: Runner, lot: Sequence[Fetched]) -> Sequence[Fetched]:
        """Compute the first files of a lot, and return the others. Raises `RunError`."""
        files = [self._files.of(*fetched) for fetched in lot]
        with self._files.in_work(files) as number:
            to_run = self._to_run(lot[:number], files)
            done = 0
            try:
                if to_run:
                    for replies in runner.run([work.order for work in to_run]):
                        self._settle(to_run[done : done + len(replies)], replies)
                        done += len(replies)
            except Stopped:
                self._hand_on([(w.fetched.target, cancelled(w.result)) for w in to_run[done:]])
                done = len(to_run)
        return [work.fetched for work in to_run[done:]] + [*lot[number:]]

    def _to_run(self, lot: Sequence[Fetched], files: Sequence[ComputedFile]) -> list[_InWork]:
        """The files whose values are not known. Hands the results of the others on."""
        to_run: list[_InWork] = []
        done: list[Computed] = []
        known = 0
        for fetched, file in zip(lot, files, strict=False):
            target, result = fetched.target, fetched.finished.result
            try:
                recorded = file.recorded()
                if recorded:
                    known += 1
                    done.append((target, result.with_value(recorded.value, recorded.file)))
                else:
                    to_run.append(_InWork(fetched, file, self._task.order(target, file.result)))
            except TargetError as error:
                done.append((target, result.not_computed(error.failure, error.detail)))
        if done:
            self._account.count(known=known)
            self._hand_on(done)
        return to_run

    def _settle(self, lot: Sequence[_InWork], replies: Sequence[Reply]) -> None:
        """Record how tasks have ended, and hand the results on."""
        self._account.count(computed=len(replies))
        rows = [
            work.file.to_record(reply.value)
            for work, reply in zip(lot, replies, strict=True)
            if isinstance(reply, Succeeded)
        ]
        if rows:
            self._files.commit(rows)
        self._hand_on(
            [
                (work.fetched.target, self._result(work, reply))
                for work, reply in zip(lot, replies, strict=True)
            ]
        )

    def _result(self, work: _InWork, reply: Reply) -> Result:
        result = work.result
        if isinstance(reply, Failed):
            work.file.failed()
            return result.not_computed(self._task.failure, reply.detail)
        value = None if reply.value is None else json.loads(reply.value)
        try:
            return result.with_value(value, work.file.settled())
        except TargetError as error:
            return result.not_computed(error.failure, error.detail)


def cancelled(result: Result) -> Result:
    """The result of a file that was not computed, for a run that was stopped."""
    detail = "the run was stopped before the file was computed; it is there"
    return result.not_computed(Failure.CANCELLED, detail)
