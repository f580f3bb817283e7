"""Where the log goes: to standard error as `--verbose` says, and to the file of `--log-file`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from pyfetch.errors import UsageError
from pyfetch.text import escaped, masked

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
"""For no `-v`, one, and two."""


@contextmanager
def logging_to(say: Callable[[str], None], verbose: int, file: str | None) -> Iterator[None]:
    """Within, `say` what is logged, and append all that can be logged to the file.

    Raises `UsageError` where the file cannot be opened.
    """
    logger = logging.getLogger("pyfetch")
    with ExitStack() as stack:
        shown = _SayingHandler(say)
        shown.setLevel(_LEVELS[min(verbose, 2)])
        logger.addHandler(shown)
        stack.callback(logger.removeHandler, shown)
        logger.setLevel(shown.level)
        if file is not None:
            written = _opened(file)
            stack.callback(written.close)
            logger.addHandler(written)
            stack.callback(logger.removeHandler, written)
            logger.setLevel(logging.DEBUG)
        yield


class _SayingHandler(logging.Handler):
    """Says each line of the log."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self._say(f"pyfetch: {line}")


class _Written(logging.Formatter):
    """A line of the file: when, and what, secrets masked."""

    def format(self, record: logging.LogRecord) -> str:
        when = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        begin = f"{when}.{int(record.msecs):03} {record.levelname.lower()} "
        lines = super().format(record).splitlines()
        return "\n".join(begin + masked(escaped(line)) for line in lines)


def _opened(file: str) -> logging.Handler:
    try:
        handler = logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
    handler.setFormatter(_Written())
    return handler
