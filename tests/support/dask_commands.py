"""A Dask cluster on the loopback, of the commands `dask scheduler` and `dask worker`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.processes import children_of
from tests.support.waiting import until

_DASK = (str(Path(sysconfig.get_path("scripts"), "dask")),)
_UNWANTED = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
_QUIET = {"DASK_LOGGING__DISTRIBUTED": "error"}


class DaskCommands:
    """A scheduler, and workers that are added; `close` ends those that still run, by their ids."""

    def __init__(self, directory: Path, protocol: str, also: Sequence[str]) -> None:
        self.file = directory / "scheduler.json"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in _UNWANTED},
            **_QUIET,
        }
        self._protocol = protocol
        self._also = also
        self._directory = directory
        self._log = (directory / "dask.log").open("ab")
        self.scheduler = self._start(
            "scheduler", "--host", f"{protocol}://127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(self.file), *also,
        )  # fmt: skip
        self.workers: list[subprocess.Popen[bytes]] = []
        until(lambda: self.file.exists() and bool(self._read()), "the scheduler's file")

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(self._read()["address"])

    @property
    def log(self) -> str:
        """What the commands have logged."""
        return (self._directory / "dask.log").read_text()

    def add_worker(
        self,
        threads: int = 1,
        environment: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        python: Path | None = None,
        *,
        nanny: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a worker. Without a nanny, one process is the worker.

        `python`: the interpreter of another virtual environment that has Dask.
        """
        worker = self._start(
            "worker", "--scheduler-file", str(self.file), "--nthreads", str(threads),
            "--nanny" if nanny else "--no-nanny", "--no-dashboard",
            "--host", host, "--protocol", self._protocol,
            "--local-directory", str(self._directory / "dask"), *self._also,
            environment=environment, dask=(str(python), "-m", "dask") if python else _DASK,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def members(self) -> list[int]:
        """The processes that fetch, of all workers that run."""
        return [
            child for one in self.workers if one.poll() is None for child in children_of(one.pid)
        ]

    def close(self) -> None:
        """End what runs."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(ValueError):
            return dict(json.loads(self.file.read_text()))
        return {}

    def _start(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        dask: Sequence[str] = _DASK,
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*dask, *arguments],
            cwd=self._directory,
            env=self._environment | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )


@contextlib.contextmanager
def dask_commands(
    directory: Path,
    threads: Sequence[int] = (1, 1),
    protocol: str = "tcp",
    also: Sequence[str] = (),
) -> Iterator[DaskCommands]:
    """A cluster with workers of so many threads each. `also`: arguments of all the commands."""
    cluster = DaskCommands(directory, protocol, also)
    try:
        for number in threads:
            cluster.add_worker(number)
        yield cluster
    finally:
        cluster.close()


def with_other_start(directory: Path, code: str) -> dict[str, str]:
    """The environment of a worker that runs this code before anything else."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(directory)}
