"""The command in processes that are forked from one that has loaded it."""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.support.command import COMMAND, LONGEST, WITHOUT_WAITS, Command, Ended, InstalledCommand

_PR_SET_CHILD_SUBREAPER = 36


class LoadedProcess:
    """The process that is forked; for a `with` block. See the module `forking`."""

    def __init__(self) -> None:
        self._control, other_end = socket.socketpair()
        # What is forked becomes a child of this process, which can wait for it as for any other.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        with other_end:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    str(Path(__file__).with_name("forking.py")),
                    str(other_end.fileno()),
                ],
                pass_fds=[other_end.fileno()],
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait()

    def fork(self, streams: list[int], **request: Any) -> int:
        """Let a process with these streams run the command. Returns its number."""
        here, there = socket.socketpair()
        with here, there:
            socket.send_fds(self._control, [b"+"], [there.fileno(), *streams])
            here.sendall(json.dumps(request).encode() + b"\n")
            there.close()
            with here.makefile() as told:
                return int(told.readline())


_NOT_FORKED: dict[str, Any] = {
    "executable": None, "gid": None, "pass_fds": (), "preexec_fn": None, "process_group": -1,
    "shell": False, "uid": None, "umask": -1,
}  # fmt: skip
"""What is not done for a process that is forked, and how it looks where nobody asks for it."""


_NOTHING_ELSE: dict[str, Any] = {"terminal": "", "closed": (), "program": ""}


class _Forked(subprocess.Popen[bytes]):
    """Differs from others in where its process comes from."""

    def __init__(self, loaded: LoadedProcess, request: dict[str, Any], **options: Any) -> None:
        self._loaded = loaded
        self._request = request
        super().__init__(request["arguments"], **options)

    def _execute_child(self, *arguments: Any) -> None:
        made: Any = subprocess.Popen._execute_child  # type: ignore[attr-defined]  # noqa: SLF001
        asked = inspect.signature(made).bind(self, *arguments).arguments
        refused = [name for name, unasked in _NOT_FORKED.items() if asked[name] != unasked]
        assert not refused, f"what is forked is not given {refused}: use `installed`"
        ends = [
            (asked[given], asked[kept])
            for given, kept in (
                ("p2cread", "p2cwrite"), ("c2pwrite", "c2pread"), ("errwrite", "errread"),
            )
        ]  # fmt: skip
        self.pid = self._loaded.fork(
            [number if given == -1 else given for number, (given, _) in enumerate(ends)],
            **self._request,
            directory=str(asked["cwd"]),
            environment=asked["env"],
            session=asked["start_new_session"],
        )
        self._child_created = True
        for given, kept in ends:
            if kept != -1:
                os.close(given)
        if (devnull := getattr(self, "_devnull", None)) is not None:
            os.close(devnull)
        self._closed_child_pipe_fds = True


class ForkedCommand(InstalledCommand):
    """As the installed command, but ready at once. How it starts is not for this to test."""

    def __init__(self, pyfetch: Command, loaded: LoadedProcess) -> None:
        super().__init__(pyfetch)
        self._loaded = loaded

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Ended:
        """Run it to its end."""
        written = stdin.encode() if isinstance(stdin, str) else stdin
        with self.start(*arguments, stdin=subprocess.PIPE) as running:
            out, err = running.communicate(written, timeout=LONGEST)
        return Ended(running.returncode, out.decode(), err.decode())

    def popen(
        self, *arguments: str, terminal: str = "", closed: tuple[int, ...] = (), **options: Any
    ) -> subprocess.Popen[bytes]:
        argv = [COMMAND, *WITHOUT_WAITS, *arguments]
        return self._fork(options, arguments=argv, terminal=terminal, closed=closed)

    def program(self, code: str, **options: Any) -> subprocess.Popen[bytes]:
        return self._fork(options, arguments=["-c"], program=code)

    def _fork(self, options: dict[str, Any], **request: Any) -> _Forked:
        given: dict[str, Any] = {"cwd": self.directory, "env": self.environment} | options
        return _Forked(self._loaded, _NOTHING_ELSE | request, **given)
