"""How long a stop may take before the process just ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pyfetch.cli import signals
from pyfetch.cli.signals import wait_for_second_signal

STOP = 0.03
MOST_ADDED = 0.1


class Pipe(NamedTuple):
    """What a signal is read from, and written to."""

    out: int
    into: int


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    """Where signals are noted, in a world of short times."""
    monkeypatch.setattr(signals, "LONGEST_STOP", STOP)
    monkeypatch.setattr(signals, "MOST_ADDED", MOST_ADDED)
    pipe = Pipe(*os.pipe())
    yield pipe
    for end in pipe:
        os.close(end)


def seconds(noted: Pipe, waited: list[float]) -> float:
    """How long is waited where the process had no CPU for so long: before, and at each look."""
    began = time.monotonic()
    wait_for_second_signal(noted.out, lambda: waited.pop(0) if len(waited) > 1 else waited[0])
    return time.monotonic() - began


def test_a_stop_ends_when_its_time_is_over(noted: Pipe) -> None:
    assert seconds(noted, [5.0]) >= STOP


def test_time_in_which_others_had_the_cpus_does_not_count(noted: Pipe) -> None:
    assert seconds(noted, [5.0, 5.04]) >= STOP + 0.04


def test_ctrl_z_is_no_second_signal(noted: Pipe) -> None:
    os.write(noted.into, bytes([signal.SIGTSTP]))
    assert seconds(noted, [5.0]) >= STOP


def test_that_has_an_end_too(noted: Pipe) -> None:
    """Here the process gets no CPU at all."""
    assert seconds(noted, [5.0, 100.0]) >= STOP + MOST_ADDED


def test_a_second_signal_is_waited_for_no_longer(
    noted: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "LONGEST_STOP", 3600)
    os.write(noted.into, b"2")
    wait_for_second_signal(noted.out, lambda: 0.0)
