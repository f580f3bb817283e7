"""What more worker processes of a Dask cluster bring where each answer takes its time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.command import InstalledCommand
from tests.support.dask_commands import dask_commands
from tests.support.server import Handler, LoopbackServer

pytestmark = pytest.mark.slow
LATENCY = 0.25
TRANSFERS = 8
PER_PROCESS = 240
"""URLs: seven seconds and a half."""


def test_four_processes_bring_three_and_a_half_times_what_one_does(
    forked: InstalledCommand, server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without what starts; `python -m tools.benchmarks.cluster` measures more of them."""
    answered: list[float] = []

    def answer(handler: Handler) -> None:
        time.sleep(LATENCY)
        answered.append(time.monotonic())
        handler.answer(200, b"x" * 1000)

    def rate(processes: int, directory: Path) -> float:
        """Answers a second from the one with which all processes are at work."""
        number = PER_PROCESS * processes
        for each in range(number):
            server.routes[f"/{each}"] = answer
        (forked.directory / "list").write_text(
            "".join(f"{server.url}/{each}\n" for each in range(number))
        )
        answered.clear()
        with dask_commands(directory, threads=(1,) * processes) as dask:
            ended = forked("--cluster", dask.address, "-w", str(TRANSFERS), "--discard", "list")
        assert (ended.status, len(ended.rows)) == (0, number)
        begun = next(
            place for place, moment in enumerate(answered)
            if answered[place + TRANSFERS * processes * 8 // 10] - moment < LATENCY
        )  # fmt: skip
        end = number * 9 // 10
        return (end - begun) / (answered[end] - answered[begun])

    one, four = (rate(number, tmp_path_factory.mktemp("dask")) for number in (1, 4))
    assert one < TRANSFERS / LATENCY * 1.05
    assert four / one >= 3.5
