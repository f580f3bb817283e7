"""Errors that stop a whole run, each with the exit status it ends with.

    RunError                the base class of both
    ├── UsageError      2   the command, a setting or an input file cannot be used
    └── StoppedError    3   the run had to stop: disk full, directory not writable

If one URL fails, there is no such exception, but a failed result.
"""

from __future__ import annotations


class RunError(Exception):
    """A run could not start or go on. Its text is one line, for people."""

    exit_status = 1


class UsageError(RunError, ValueError):
    """The command, a setting or an input file cannot be used."""

    exit_status = 2


class StoppedError(RunError):
    """The run had to stop. The same command continues it once the cause is removed."""

    exit_status = 3


class ErrorTranslation:
    """A context manager that replaces an exception raised within it by another one."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            translated = self.translated(error)
            if translated is not None:
                raise translated from error

    def translated(self, error: BaseException) -> Exception | None:
        """The exception to raise instead; None: `error` is passed on. May raise one itself."""
        raise NotImplementedError
