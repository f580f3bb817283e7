"""Which terminals are sent links and progress."""

from __future__ import annotations

import io

import pytest

from pyfetch.output.screen.consoles import Screen
from pyfetch.output.screen.live import LAST_WORDS
from pyfetch.output.terminals import NO_PROGRESS, progress_sequence, shows_links, shows_progress
from tests.support.cases import cases

XTERM = {"TERM": "xterm-256color"}


@cases(
    ("environment", "expected"),
    [
        ({}, False),
        ({"WT_SESSION": "1"}, True),
        ({"ConEmuANSI": "ON"}, True),
        ({"ConEmuANSI": "OFF"}, False),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.5"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.6"}, True),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.10.1"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"VTE_VERSION": "7600"}, False),
        ({"VTE_VERSION": "8000"}, True),
        ({"TERM": "xterm-kitty"}, False),
        ({"WT_SESSION": "1", "TMUX": "socket,1,0"}, False),
        ({"WT_SESSION": "1", "STY": "1.pts"}, False),
        ({"WT_SESSION": "1", "TERM": "dumb"}, False),
    ],
)
def test_only_terminals_known_to_show_progress_are_sent_it(
    environment: dict[str, str], expected: bool
) -> None:
    """To others the same sequence is a notification."""
    assert shows_progress(XTERM | environment) is expected


@cases(
    ("environment", "expected"),
    [
        ({}, False),
        ({"VTE_VERSION": "5000"}, False),
        ({"VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM_PROGRAM": "vscode"}, True),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"WT_SESSION": "1"}, True),
        ({"KONSOLE_VERSION": "230805"}, True),
        ({"KONSOLE_VERSION": "230805", "STY": "1.pts"}, False),
        ({"KONSOLE_VERSION": "230805", "TERM": "dumb"}, False),
        ({"TERM": "linux", "VTE_VERSION": "7600"}, False),
    ],
)
def test_only_terminals_known_to_show_links_are_sent_them(
    environment: dict[str, str], expected: bool
) -> None:
    assert shows_links(XTERM | environment) is expected


def test_the_last_words_take_the_progress_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a second Ctrl-C ends the process, the tab must not show progress for ever."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("WT_SESSION", "1")
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("STY", raising=False)
    err = io.StringIO()
    assert Screen(err, err, extras=True).last_words == LAST_WORDS + NO_PROGRESS.encode()
    assert Screen(err, err, extras=False).last_words == LAST_WORDS


def test_progress_is_a_percentage_or_unknown() -> None:
    assert progress_sequence(41.6) == "\x1b]9;4;1;42\x1b\\"
    assert progress_sequence(None) == "\x1b]9;4;3\x1b\\"
