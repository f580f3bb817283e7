"""A pseudo-terminal with the installed command on it: what a person sees there, and types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Callable
from typing import Any, Self

import pyte

from tests.support.command import InstalledCommand
from tests.support.waiting import LONGEST_WAIT

_HISTORY = 10_000

_NOT_OF_THE_TEST = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM"}


class Terminal:
    """A screen of so many cells with `pyfetch` on it, for a `with` block.

    What is not given as `stdin`, `stdout` or `stderr` (as for `subprocess.Popen`) is the
    terminal. `environment` is added to that of the command. At the end of the block the
    command is killed if it still runs. `pipeline`: what the shell runs behind the command.
    """

    def __init__(
        self,
        command: InstalledCommand,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        pipeline: str = "",
        **environment: str,
    ) -> None:
        kept = {k: v for k, v in command.environment.items() if k not in _NOT_OF_THE_TEST}
        self._screen: Any = pyte.HistoryScreen(columns, rows, history=_HISTORY)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        """Every byte that was written to the terminal and read so far."""
        self._terminal, other_end = pty.openpty()
        termios.tcsetwinsize(other_end, (rows, columns))
        given: dict[str, Any] = {"pipeline": pipeline} if pipeline else {}
        self.process: subprocess.Popen[bytes] = command.popen(
            *arguments,
            terminal=os.ttyname(other_end),
            **given,
            stdin=other_end if stdin is None else stdin,
            stdout=other_end if stdout is None else stdout,
            stderr=other_end if stderr is None else stderr,
            env=kept | {"TERM": "xterm-256color"} | environment,
            start_new_session=True,
        )
        os.close(other_end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:  # closes its pipes
            self.process.kill()
        if self._terminal >= 0:
            self.hang_up()

    @property
    def visible(self) -> list[str]:
        """The lines on the screen now, without blanks at their ends, down to the last used."""
        return _used(line.rstrip() for line in self._screen.display)

    @property
    def lines(self) -> list[str]:
        """The same, below what has left the screen at its top."""
        return _used("".join(cells).rstrip() for cells in self.cells)

    @property
    def text(self) -> str:
        """All of it as one line: whole even where the screen has wrapped it."""
        return "".join("".join(cells) for cells in self.cells)

    @property
    def left(self) -> list[str]:
        """The lines that have left the screen at its top."""
        return ["".join(cells).rstrip() for cells in self.cells[: -self._screen.lines]]

    @property
    def cells(self) -> list[list[str]]:
        """All lines cell by cell. The second cell of a wide character is empty."""
        lines = [*self._screen.history.top, *map(self._screen.buffer.get, self._rows())]
        blank: Any = dict.fromkeys(self._columns(), self._screen.default_char)
        return [[(line or blank)[x].data for x in self._columns()] for line in lines]

    @property
    def styled(self) -> list[list[Any]]:
        """The cells of the screen now, as pyte has them: what they show, and in which colours."""
        return [[self._screen.buffer[y][x] for x in self._columns()] for y in self._rows()]

    @property
    def title(self) -> str:
        """What the window is called."""
        return str(self._screen.title)

    @property
    def cursor_is_hidden(self) -> bool:
        return bool(self._screen.cursor.hidden)

    def shows(self, text: str) -> bool:
        """Whether a line on the screen has this in it now."""
        return any(text in line for line in self.visible)

    def wait_for(self, what: str | Callable[[], bool]) -> None:
        """Read on until the screen shows a text, or until a condition on it holds."""
        until = time.monotonic() + LONGEST_WAIT
        while not (self.shows(what) if isinstance(what, str) else what()):
            if not self._read_on(until):
                screen = "\n".join(self.lines)
                raise AssertionError(f"{what!r} did not come; the screen shows:\n{screen}")

    def type(self, keys: str) -> None:
        """Type this; `\\x03` is Ctrl-C."""
        os.write(self._terminal, keys.encode())

    def resize(self, columns: int) -> None:
        """Make the window narrower or wider."""
        rows = self._screen.lines
        termios.tcsetwinsize(self._terminal, (rows, columns))
        self._screen.resize(rows, columns)

    def hang_up(self) -> None:
        """Take the terminal away, as closing its window does."""
        os.close(self._terminal)
        self._terminal = -1

    def end(self) -> int:
        """Read on until the command has ended. Returns its exit status."""
        until = time.monotonic() + LONGEST_WAIT
        while self._read_on(until):
            pass
        return self.process.wait(max(0.1, until - time.monotonic()))

    def _read_on(self, until: float) -> bool:
        """Take in what comes next. False: nothing came in time, or nothing will ever."""
        left = max(0.0, until - time.monotonic())
        if not select.select([self._terminal], [], [], left)[0]:
            return False
        try:
            data = os.read(self._terminal, 64 * 1024)
        except OSError:  # Linux: nobody has the other end any more
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def _rows(self) -> range:
        return range(self._screen.lines)

    def _columns(self) -> range:
        return range(self._screen.columns)


def _used(lines: Any) -> list[str]:
    used: list[str] = list(lines)
    while used and not used[-1]:
        used.pop()
    return used
