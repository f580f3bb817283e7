"""Errors that stop a whole run, each with the exit status it ends with.

    RunError                what every one of them is
    ├── UsageError      2   the command, a setting or an input file cannot be used
    └── StoppedError    3   the run had to stop: disk full, directory not writable

What goes wrong with one URL is no exception here but a failed result.
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


class ErrorTranslation:
    """A context manager that turns an error within it into one of another kind."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            translated = self.translated(error)
            if translated is not None:
                raise translated from error

    def translated(self, error: BaseException) -> Exception | None:
        """The error to raise instead; None to let it pass. May itself raise."""
        raise NotImplementedError
