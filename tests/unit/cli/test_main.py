"""The entry point: what is put right before the command is loaded."""

from __future__ import annotations

import os
import sys

import pytest

from pyfetch.cli import main


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Environments that the command was started again with."""
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _program, _arguments, env: seen.append(env))
    monkeypatch.delenv("PYTHONUTF8", raising=False)
    return seen


@pytest.mark.parametrize("encoding", ["iso8859-15", "ascii", "euc_jp"])
def test_where_the_locale_cannot_write_every_name_the_command_starts_again_in_utf_8(
    restarts: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: encoding)
    main.use_utf_8_for_names()
    (environment,) = restarts
    assert environment["PYTHONUTF8"] == "1"
    assert environment["PYFETCH_TERMINAL_ENCODING"] == sys.stdout.encoding


def test_it_starts_again_once_at_most_and_not_where_names_are_utf_8(
    restarts: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    main.use_utf_8_for_names()
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")  # the user has said so
    main.use_utf_8_for_names()
    assert restarts == []
