"""Pure, the time passed in: which jobs take longer than a target may (`--max-time`)."""

from __future__ import annotations

from collections import OrderedDict

from pyfetch.scheduling.job import Job


class Deadlines:
    """When each job must be done: `max_time` seconds after its start; None: never."""

    def __init__(self, max_time: float | None) -> None:
        self._max_time = max_time
        self._in_time: OrderedDict[int, Job] = OrderedDict()
        """Jobs whose deadline has not passed, in the order in which they were started."""
        self.detail = f"not done within {max_time:g} s" if max_time is not None else ""
        """The message for a job that is late."""

    def begin(self, job: Job) -> None:
        """The job was started: its time runs."""
        if self._max_time is not None:
            self._in_time[job.target.index] = job

    def end(self, job: Job) -> None:
        """The job is done."""
        if self._in_time:
            self._in_time.pop(job.target.index, None)

    def missed(self, job: Job) -> bool:
        """Whether `late` has returned this job."""
        return self._max_time is not None and job.target.index not in self._in_time

    def late(self, now: float) -> list[Job]:
        """Jobs that should be done and are not; each is returned once."""
        late: list[Job] = []
        while (due := self.due()) is not None and due <= now:
            late.append(self._in_time.popitem(last=False)[1])
        return late

    def due(self) -> float | None:
        """When the next job is late; None: no job can be."""
        if self._max_time is None or not self._in_time:
            return None
        return next(iter(self._in_time.values())).started + self._max_time

    def too_late(self, job: Job, then: float) -> str:
        """Why an attempt at that time would come too late, as a clause; empty if it would not."""
        if self._max_time is None or then < job.started + self._max_time:
            return ""
        return f"no time left of {self._max_time:g} s"
