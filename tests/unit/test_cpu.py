"""Which CPU a process of a cluster is pinned to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CLAIM = """
import os
os.getuid = lambda: "test-of-{0}"  # so that other tests claim something else
from pyfetch import cpu
print(cpu.claimed_seed(), flush=True)
input()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins threads")


def claiming() -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM.format(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, int(process.stdout.readline())


@pytest.mark.slow
def test_processes_of_a_machine_claim_one_seed_each_as_long_as_they_run() -> None:
    one, of_one = claiming()
    two, of_two = claiming()
    with one, two:
        assert (of_one, of_two) == (0, 1)
        one.kill()
        one.wait()
        three, of_three = claiming()
        with three:
            assert of_three == 0
            two.kill()
            three.kill()
