"""Kills runs of the command at random moments, once they have asked for something."""

from __future__ import annotations

import random
import subprocess
import time

from tests.support.server import LoopbackServer


def killed_after(
    run: subprocess.Popen[bytes],
    server: LoopbackServer,
    asked: int,
    *,
    randomness: random.Random,
    longest: float,
) -> bool:
    """Kill a run when the server was asked `asked` times in all, at most `longest` seconds later.

    Returns whether it was in mid-run: of a run that has ended before it is shown what it has said.
    """
    while len(server.asked) < asked and run.poll() is None:
        time.sleep(0.002)
    time.sleep(randomness.uniform(0, longest))
    was_running = run.poll() is None
    run.kill()
    _, said = run.communicate()
    if not was_running:
        print(said)
    return was_running
