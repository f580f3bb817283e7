"""One run of one program: what it took if all bytes arrived, else why it does not count."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tools.benchmarks.bench.job import Job
from tools.benchmarks.bench.peers import Program
from tools.benchmarks.bench.verify import lacking

LAUNCHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run took."""

    seconds: float
    cpu: float
    """Seconds, user's and system's."""
    peak: int
    """Bytes of memory of the largest process."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a run has no figures."""

    why: str
    said: str = ""
    """The last line on standard error."""


Run = Figures | Failed


def environment(home: Path) -> dict[str, str]:
    """No proxies, no settings of a user's own, bytecode kept: as on a machine of its own."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}


def measured(program: Program, job: Job, root: Path, scratch: Path, limit: float) -> Run:
    """Run it in a directory of its own.

    `root` has what the server has; `limit` is in seconds.
    """
    with fresh(scratch) as directory:
        saved, home = directory / "saved", directory / "home"
        saved.mkdir()
        home.mkdir()
        stdin = job.urls_txt if program.fed else os.devnull
        said, errors = directory / "stdout", directory / "stderr"
        launcher = subprocess.Popen(
            [*LAUNCHER, stdin, str(said), str(errors), *program.command(job)],
            cwd=saved,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a group, to be ended whole
            text=True,
        )
        try:
            answer, complaint = launcher.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return Failed(f"killed after {limit:.0f} s", last_line(errors))
        finally:
            # Its processes, if any is left; Ctrl-C comes through here too.
            with suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)
            launcher.communicate()
        if launcher.returncode:
            return Failed("could not be started", complaint.strip().rpartition("\n")[2])
        figures = answer.split()
        if (status := int(figures[0])) != 0:
            return Failed(f"exit status {status}", last_line(errors))
        if lack := lacking(program.delivery, job, root, saved, said):
            return Failed(lack, last_line(errors))
        return Figures(float(figures[1]), float(figures[2]), int(figures[3]) * 1024)


@contextmanager
def fresh(scratch: Path) -> Iterator[Path]:
    """A directory for one run. Its files are emptied after it, and removed with `scratch`.

    ext4 looks at each file that was removed within the last minutes before it makes a new
    one (`recently_deleted` in fs/ext4/ialloc.c): what one program has left would cost the next
    one up to a millisecond a file.
    """
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    try:
        yield directory
    finally:
        for place, _, names in os.walk(directory):
            for name in names:
                with suppress(OSError):
                    os.truncate(Path(place, name), 0)


def last_line(file: Path) -> str:
    if not file.exists():
        return ""
    lines = file.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip()[:200] if lines else ""
