"""The README's picture: what a terminal shows, as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tools.picture import COLOURS, PICTURE, svg

SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Cell:
    data: str
    fg: str = "default"
    bold: bool = False


def cells(text: str, colour: str = "default") -> list[Cell]:
    return [Cell(letter, colour) for letter in text]


def runs(picture: str) -> list[tuple[str, str, str]]:
    """What is shown together below the command: the text, its colour and its place."""
    lines = ET.fromstring(picture).findall(f"{SVG}text")  # noqa: S314 - our own
    spans = [span for line in lines[1:] for span in line.findall(f"{SVG}tspan")]
    return [(span.text or "", span.attrib["fill"], span.attrib["x"]) for span in spans]


def test_cells_of_one_colour_stand_together_where_the_terminal_has_them() -> None:
    line = [*cells("  <1>"), *cells(" 200 ", "green"), *cells("a  b")]
    assert runs(svg([line], "pyfetch")) == [
        ("<1>", COLOURS["default"], "32.8"),
        ("200", COLOURS["green"], "66.4"),
        ("a\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}b", COLOURS["default"], "100.0"),
    ]


def test_the_picture_of_the_readme_shows_rows_bars_a_failure_and_a_pause() -> None:
    shown = " ".join(text for text, _, _ in runs(PICTURE.read_text()))
    for part in ("status", "━", "404", "paused", "left", "example.org"):
        assert part in shown
    assert "127.0.0.1" not in shown
