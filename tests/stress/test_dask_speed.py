"""What a run on a Dask cluster costs, and what more worker processes bring."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.command import InstalledCommand
from tests.support.dask_commands import dask_commands
from tests.support.server import Handler, LoopbackServer
from tools.benchmarks import cluster
from tools.benchmarks.bench import nginx

pytestmark = pytest.mark.slow
LATENCY = 0.25
TRANSFERS = 8
PER_PROCESS = 120
"""URLs: four seconds."""
TRIES = 3
MOST = 100e-6
"""Seconds of CPU for a URL."""


@pytest.mark.alone
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

    one = rate(1, tmp_path_factory.mktemp("dask"))
    assert one < TRANSFERS / LATENCY * 1.05
    assert any(rate(4, tmp_path_factory.mktemp("dask")) >= 3.5 * one for _ in range(TRIES))


def test_command_and_scheduler_take_less_than_a_tenth_of_a_millisecond_for_a_url(
    tmp_path: Path,
) -> None:
    """CPU, which a busy machine makes more of: so the least of three times counts."""
    if nginx.found() is None:
        pytest.skip(f"nginx is not installed ({nginx.INSTALL})")
    number = 10_000
    taken: list[float] = []
    (tmp_path / "1k").write_bytes(b"x" * 1000)
    with nginx.serving(tmp_path, tmp_path, ["127.0.0.1"]) as server:
        urls = cluster.listed(tmp_path / "urls", server.http, number)
        while not taken or (min(taken) >= MOST and len(taken) < 3):
            with cluster.cluster(tmp_path, 2) as on:
                took = cluster.run(urls, number, on, "--discard")
            taken.append((took.cpu["command"] + took.cpu["scheduler"]) / number)
            assert 0 < took.cpu["scheduler"] < took.cpu["command"]
    assert min(taken) < MOST
