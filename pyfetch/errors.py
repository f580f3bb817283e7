"""Errors that stop a whole run, each with the exit status it ends with.

    RunError                what every one of them is
    ├── UsageError      2   the command, a setting or an input file cannot be used
    └── StoppedError    3   the run had to stop: disk full, directory not writable

What goes wrong with one URL is no exception but a failed result. A program that wants one calls
`Result.raise_for_status`, which raises `pyfetch.models.FetchError`.
"""

from __future__ import annotations


class RunError(Exception):
    """A run could not start or go on. Its text is one line, for people."""

    exit_status = 1


class UsageError(RunError, ValueError):
    """The command, a setting or an input file cannot be used."""

    exit_status = 2


class StoppedError(RunError):
    """The run had to stop; the same command goes on once the cause is gone."""

    exit_status = 3
