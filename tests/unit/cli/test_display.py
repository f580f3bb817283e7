"""What is said of a run beside its results."""

from __future__ import annotations

import io

import pytest

from pyfetch.cli.display import Display
from pyfetch.cli.output_options import OutputOptions

LONG = f"https://user:pw@h.example/{'d/' * 40}name.bin?q=1"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("columns", "url", "shown"),
    [
        ("60", "https://h/a?q=1", "https://h/a?q=1"),
        ("60", LONG, "…" + LONG.partition("?")[0][-50:]),
        ("20", LONG, "…d/name.bin"),
    ],
)
def test_the_url_of_a_failure_is_cut_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str, url: str, shown: str
) -> None:
    """At its start: its end says more."""
    monkeypatch.setenv("COLUMNS", columns)
    display = Display(OutputOptions(), io.StringIO(), Terminal())
    assert display.short_url(url) == shown


def test_the_url_of_a_failure_is_whole_in_a_file_unless_it_is_very_long() -> None:
    display = Display(OutputOptions(), io.StringIO(), io.StringIO())
    assert display.short_url("https://h/a?q=1") == "https://h/a?q=1"
    assert display.short_url(LONG) == f"h.example/{'d/' * 40}name.bin"
