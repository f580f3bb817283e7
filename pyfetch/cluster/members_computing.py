"""In the coordinator of a run that computes: records what members compute, and adds it up."""

from __future__ import annotations

from pyfetch.attempt import Finished
from pyfetch.cluster.computing_messages import (
    Computing,
    FileFetched,
    FileKnown,
    FilesCounted,
    TasksDone,
    TasksRecorded,
)
from pyfetch.cluster.member import Member
from pyfetch.cluster.workload import share_of
from pyfetch.compute.account import Account
from pyfetch.compute.function_task import FunctionTask
from pyfetch.compute.pool import Use
from pyfetch.compute.task import Task
from pyfetch.cpu_share import CpuShare, cpu_share
from pyfetch.models import IfExists, Target
from pyfetch.settings import AUTO, Settings
from pyfetch.storage.file_ledger import FileLedger


class MembersComputing:
    """What the members of a run compute."""

    def __init__(self, settings: Settings, task: Task) -> None:
        self._settings = settings
        self._task = task
        self._account = Account()
        self._used: Use | None = None
        self.ledger: FileLedger | None = None

    def part(self, place: int, members: int) -> Computing:
        """How one of so many members computes."""
        function = self._task if isinstance(self._task, FunctionTask) else None
        if self._settings.on_cluster:
            return Computing(function)
        share = None
        if self._settings.cpus == AUTO:
            whole = cpu_share()
            share = CpuShare(share_of(whole.number, members, place), whole.why)
        return Computing(function, share)

    def follow(self, member: Member, message: FileFetched | TasksDone | FilesCounted) -> None:
        """Take in a message of a member, and answer it."""
        ledger = self.ledger
        assert ledger  # noqa: S101 - files are kept while they are computed
        match message:
            case FileFetched(result, facts, path):
                target = member.targets[result.index]
                ledger.finished(target, Finished(result, facts=facts, path=path))
                member.fetched.add(result.index)
                path = path or target.path
                assert path  # noqa: S101 - as above
                (known,) = ledger.computed_of([path])
                member.channel.send(FileKnown(path, known))
            case TasksDone(number, rows):
                ledger.note_computed(rows, at_once=number is not None)
                if number is not None:
                    member.channel.send(TasksRecorded(number))
            case FilesCounted(computed, known):
                self._account.count(computed=computed, known=known)

    def again(self, target: Target) -> Target:
        """A target whose file was fetched, for another member: it was not computed to the end."""
        assert self.ledger  # noqa: S101 - as above
        return self.ledger.reopened(target)._replace(if_exists=IfExists.REFRESH)

    def ended(self, use: Use) -> None:
        """Take in how a member has used its processes."""
        self._used = self._used.and_of(use) if self._used else use

    def summary(self) -> str | None:
        """How many files were computed, in how many processes, why, and what held the run back."""
        return self._account.summary(self._used) if self._used else None
