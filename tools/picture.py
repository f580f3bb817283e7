"""The README's picture of the table, from a real run on a real (pseudo-)terminal: `make picture`.

The hosts are names of examples: the run reaches a server on the loopback as its proxy.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Protocol
from xml.sax.saxutils import escape

from tests.support.command import Command, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal

PICTURE = Path(__file__).parents[1] / "docs" / "picture.svg"
ARGUMENTS = ("urls.txt", "-o", "data")
COLUMNS, ROWS = 96, 24
CELL, LINE, SIZE, MARGIN = 8.4, 18, 14, 16
"""Pixels: width and height of a cell, height of the letters, space around them."""
INK, PAPER = "#d8dee9", "#1e222a"
COLOURS = {
    "default": INK, "black": "#5c6370", "brightblack": "#7f8796", "white": INK,
    "red": "#f07178", "green": "#a5d57a", "brown": "#e5c07b", "blue": "#7aa2f7",
    "magenta": "#c792ea", "cyan": "#70c0ba",
}  # fmt: skip
"""What a terminal shows for the colours of ANSI; pyte calls yellow brown."""

GOOD = (("harbour", 2_400_000), ("lighthouse", 1_830_000), ("market", 940_000), ("pier", 3_100_000))
LARGE = (("debian-12.iso", 64_000_000, 0.35), ("planet-latest.tar", 80_000_000, 0.21))
"""Names, sizes, and which part of them has come when the picture is taken."""
PACE, TICK = 250_000, 0.1
"""Bytes that a large file goes on with, each so many seconds."""


class Cell(Protocol):
    """A cell of the terminal, as pyte has it."""

    data: str
    fg: str
    bold: bool


def svg(lines: Iterable[Iterable[Cell]], typed: str) -> str:
    """The lines of a screen as a picture, below the command that was typed."""
    rows = [f'<tspan fill="{COLOURS["green"]}">$</tspan> {escape(typed)}', *map(_line, lines)]
    width = round(COLUMNS * CELL + 2 * MARGIN)
    height = len(rows) * LINE + 2 * MARGIN
    texts = "".join(
        f'<text x="{MARGIN}" y="{MARGIN + place * LINE + SIZE}">{row}</text>\n'
        for place, row in enumerate(rows)
        if row
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' role="img" font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"'
        f' font-size="{SIZE}" fill="{INK}">\n'
        f"<title>{escape(typed)}: rows in the order of the list, and what is running</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>\n{texts}</svg>\n'
    )


def _line(cells: Iterable[Cell]) -> str:
    """The cells of a line, those of one style together, each at its own place."""
    parts, column = [], 0
    for (colour, bold), run in groupby(cells, key=lambda cell: (cell.fg, cell.bold)):
        text = "".join(cell.data for cell in run)
        shown = text.strip()
        if shown:
            x = MARGIN + (column + len(text) - len(text.lstrip())) * CELL
            weight = ' font-weight="bold"' * bold
            fill = COLOURS.get(colour, f"#{colour}")
            place = f'x="{x:.1f}" textLength="{len(shown) * CELL:.1f}"'
            parts.append(f'<tspan {place} fill="{fill}"{weight}>{_text(shown)}</tspan>')
        column += len(text)
    return "".join(parts)


def _text(shown: str) -> str:
    """As XML. Blanks that may not break, since of others in a row one would be left."""
    return escape(shown).replace(" ", "\N{NO-BREAK SPACE}")


def _partly(size: int, share: float, over: threading.Event) -> Callable[[Handler], None]:
    """A route that sends this share of a file at once, and then goes on steadily."""

    def send(handler: Handler) -> None:
        handler.head(200, Content_Length=str(size), ETag='"1"')
        sent = round(size * share)
        handler.send(bytes(sent))
        while sent < size and not over.wait(TICK):
            handler.send(bytes(min(PACE, size - sent)))
            handler.wfile.flush()
            sent += PACE
        handler.close_connection = True

    return send


def _serve(server: LoopbackServer, over: threading.Event) -> list[str]:
    """Let the server have the files of all hosts. Returns the list of their URLs."""
    urls = []
    for place, (name, size) in enumerate(GOOD * 2, start=1):
        urls.append(f"http://photos.example.org/{name}-{place:02}.jpg")
        server.pages[urls[-1]] = Page(bytes(size))
    urls.insert(3, "http://photos.example.org/gone.jpg")
    for name, size, share in LARGE:
        urls.append(f"http://mirror.example.net/{name}")
        server.routes[urls[-1]] = _partly(size, share, over)
    urls.append("http://photos.example.org/moved-away.jpg")
    for place in range(1, 41):
        urls.append(f"http://api.example.com/reports/{place}.json")
        server.routes[urls[-1]] = lambda handler: handler.answer(429, Retry_After="30")
    return urls


def main() -> None:
    over = threading.Event()
    with LoopbackServer() as server, tempfile.TemporaryDirectory() as directory:
        Path(directory, "urls.txt").write_text("\n".join(_serve(server, over)) + "\n")
        command = InstalledCommand(Command(Path(directory)))
        with Terminal(
            command, *ARGUMENTS, columns=COLUMNS, rows=ROWS, http_proxy=server.url
        ) as terminal:
            terminal.wait_for("paused")
            until = time.monotonic() + 6  # the rate is that of the last five seconds
            terminal.wait_for(lambda: time.monotonic() > until)
            lines = terminal.styled[: len(terminal.visible)]
            over.set()
    PICTURE.write_text(svg(lines, f"pyfetch {' '.join(ARGUMENTS)}"))


if __name__ == "__main__":
    main()
