"""What the engine costs for each URL, in calls: they do not depend on the machine, times do."""

from __future__ import annotations

import sys
from types import FrameType

from pyfetch.attempt import Finished
from pyfetch.engine.dispatcher import Dispatcher
from pyfetch.engine.results import RunState
from pyfetch.models import HostSignal, Outcome, Result, Target
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.urls import parse_url

NUMBER = 200
MOST_CALLS = 62


def test_a_url_takes_few_calls_from_its_line_to_its_result() -> None:
    """Python functions that are called to add a target, to start its attempt, to note its end."""
    state = RunState(lambda: None, fail_fast=False)
    jobs = Jobs(HostQueues(), WorkerLimit(8), RetryPolicy())
    dispatcher = Dispatcher(jobs, state, lambda: 1.0)
    targets = [
        Target(index, parse_url(f"http://h/{index}"), f"h/{index}")
        for index in range(1, NUMBER + 1)
    ]
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        dispatcher.add(targets)
        transfer = dispatcher.next()
        while transfer:
            url = transfer.target.url.text
            result = Result(transfer.target.index, url, Outcome.FETCHED, url, 200)
            transfer = dispatcher.ended(transfer, Finished(result, HostSignal.ANSWERED))
    finally:
        sys.setprofile(None)
    assert state.finished == NUMBER
    assert calls <= MOST_CALLS * NUMBER
