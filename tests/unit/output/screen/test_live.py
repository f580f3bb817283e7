"""Lines that are drawn again and again, on an emulated terminal."""

from __future__ import annotations

import io
from typing import Any

import pyte
from rich.console import Console
from rich.text import Text

from pyfetch.output.screen.live import LAST_WORDS, Painter
from tests.support.cases import cases


class Terminal:
    """An emulated terminal that, as most do, wraps long lines anew when it gets narrower."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen: Any = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._file = io.StringIO()
        self.console = Console(file=self._file, force_terminal=True, width=columns)
        self.painter = Painter(self.console)

    def update(self) -> None:
        self._stream.feed(self._file.getvalue().replace("\n", "\r\n"))
        self._file.seek(0)
        self._file.truncate()

    @property
    def lines(self) -> list[str]:
        self.update()
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def reflow(self, columns: int) -> None:
        """Get narrower: each line goes on below where it has no room, the cursor with its text."""
        before, row = self.lines, self.screen.cursor.y
        rows = self.screen.lines
        pieces: list[str] = []
        for number, line in enumerate(before):
            if number == row:
                cursor = len(pieces)
            pieces += [line[n : n + columns] for n in range(0, max(1, len(line)), columns)]
        dropped = max(0, min(len(pieces) - rows, cursor))
        self.screen.resize(rows, columns)
        self.screen.reset()
        self._stream.feed("\r\n".join(pieces[dropped : dropped + rows]))
        self._stream.feed(f"\x1b[{cursor - dropped + 1};1H")
        self.console.width = columns


def texts(*lines: str) -> list[Text]:
    return [Text(line) for line in lines]


def test_each_frame_takes_the_place_of_the_one_before() -> None:
    terminal = Terminal(40, 6)
    terminal.painter.paint([], texts("one", "two", "three"))
    terminal.painter.paint([], texts("four"))
    assert terminal.lines == ["four"]


def test_what_is_printed_above_stays() -> None:
    terminal = Terminal(40, 6)
    terminal.painter.paint(texts("row 1"), texts("bar", "all"))
    terminal.painter.paint(texts("row 2", "row 3"), texts("bar", "all"))
    terminal.painter.clear(texts("row 4"))
    assert terminal.lines == ["row 1", "row 2", "row 3", "row 4"]
    assert not terminal.screen.cursor.hidden


@cases("narrower", [20, 33, 39])
@cases("rows", [5, 8, 20])
def test_no_ghost_of_a_wider_frame_is_left(narrower: int, rows: int) -> None:
    """However many lines the terminal has made of it."""
    terminal = Terminal(40, rows)
    wide = ["=" * 39, "-" * 39, "_" * 39]
    terminal.painter.paint(texts("row"), texts(*wide))
    terminal.reflow(narrower)
    terminal.painter.paint([], texts("=" * (narrower - 1), "_"))
    shown = terminal.lines
    assert shown[-2:] == ["=" * (narrower - 1), "_"]
    assert not any(set(line) & set("-=_") for line in shown[:-2])


def test_a_frame_that_is_too_wide_by_now_is_cut_and_not_wrapped() -> None:
    """Where the window got narrower while the frame was made."""
    terminal = Terminal(40, 6)
    terminal.screen.resize(6, 20)
    terminal.painter.paint([], texts("=" * 39, "all"))
    terminal.painter.paint([], texts("=" * 19, "all"))
    assert terminal.lines == ["=" * 19, "all"]


def test_the_last_words_leave_a_clean_screen() -> None:
    terminal = Terminal(40, 6)
    terminal.painter.paint(texts("row"), texts("bar", "all"))
    terminal.update()
    pyte.ByteStream(terminal.screen).feed(LAST_WORDS)
    assert terminal.lines == ["row"]
    assert not terminal.screen.cursor.hidden


def test_colours_and_control_sequences_take_no_room() -> None:
    terminal = Terminal(10, 4)
    terminal.painter.paint([], [Text("x" * 9, "red"), Text("all")], "\x1b]9;4;1;50\x1b\\")
    assert terminal.lines == ["x" * 9, "all"]
