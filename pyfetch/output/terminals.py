"""What a standard stream leads to: whether bars can be drawn there, how wide it is, what it knows.

What a terminal understands beside text and colours is told by its environment. Progress is OSC 9;4
of ConEmu: a bar in the tab or the task bar. Where it is not known, OSC 9 may be taken for a
notification, so only terminals that are known to have it are sent it. Links are OSC 8.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TextIO

_PROGRESS_SINCE = {"WezTerm": (), "ghostty": (), "iTerm.app": (3, 6, 6)}
"""Versions of programs (`TERM_PROGRAM`) from which on they show progress."""
_PROGRESS_SINCE_VTE = 8000
"""GNOME's terminals: `VTE_VERSION` is 8000 for 0.80.0."""
_LINKS = frozenset({"Hyper", "iTerm.app", "terminology", "WezTerm", "vscode", "ghostty", "tmux"})
_LINKS_SINCE_VTE = 5001
_LINKS_BY_VARIABLE = ("DOMTERM", "WT_SESSION", "KONSOLE_VERSION", "KITTY_WINDOW_ID")


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal that a stream leads to."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def can_draw(stream: TextIO) -> bool:
    """Whether bars can be drawn there."""
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


def same_terminal(out: TextIO, err: TextIO) -> bool:
    """Whether both are one terminal."""
    if not (out.isatty() and err.isatty()):
        return False
    return os.fstat(out.fileno()).st_rdev == os.fstat(err.fileno()).st_rdev


def shows_progress(environment: Mapping[str, str]) -> bool:
    """Whether the terminal has a progress bar of its own (OSC 9;4)."""
    if not _is_terminal(environment) or "TMUX" in environment or "STY" in environment:
        return False  # a multiplexer keeps it to itself
    if environment.get("ConEmuANSI") == "ON" or environment.get("WT_SESSION"):
        return True
    since = _PROGRESS_SINCE.get(environment.get("TERM_PROGRAM", ""))
    if since is not None:
        return _version(environment.get("TERM_PROGRAM_VERSION", "")) >= since
    return _number(environment.get("VTE_VERSION", "")) >= _PROGRESS_SINCE_VTE


def shows_links(environment: Mapping[str, str]) -> bool:
    """Whether a text can be a link that may be clicked (OSC 8)."""
    if not _is_terminal(environment) or "STY" in environment:
        return False
    if any(environment.get(name) for name in _LINKS_BY_VARIABLE):
        return True
    if environment.get("TERM_PROGRAM") in _LINKS or "kitty" in environment.get("TERM", ""):
        return True
    return _number(environment.get("VTE_VERSION", "")) >= _LINKS_SINCE_VTE


def progress_sequence(percent: float | None) -> str:
    """What shows this progress in percent; None: that it is not known."""
    return "\x1b]9;4;3\x1b\\" if percent is None else f"\x1b]9;4;1;{percent:.0f}\x1b\\"


NO_PROGRESS = "\x1b]9;4;0\x1b\\"
"""Takes the progress away."""


def _is_terminal(environment: Mapping[str, str]) -> bool:
    return environment.get("TERM", "") not in ("", "dumb", "linux")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
