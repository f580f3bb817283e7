"""What is to be done with each file, by the settings: `--exec` or `--map`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

from pyfetch.compute.messages import Order, Setup
from pyfetch.models import Failure, Result, Target
from pyfetch.settings import Settings

_DIGITS = 16


class Task(Protocol):
    """What is done with each file of a run."""

    @property
    def failure(self) -> Failure:
        """Why a URL fails whose file came and with which this could not be done."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the list that it needs."""
        ...

    def setup(self) -> Setup:
        """What a process gets first."""
        ...

    def order(self, target: Target, result: Result) -> Order:
        """What a process gets for the file of this target. Raises `TargetError`."""
        ...

    def identity(self, target: Target) -> str:
        """The same text in each run that would do the same with the same bytes of this target."""
        ...


def task_from(settings: Settings) -> Task:
    """What the settings of a run that computes want done with each file.

    Raises `UsageError` for a command or function that cannot be used.
    """
    if settings.exec is not None:
        from pyfetch.compute.command_task import CommandTask

        return CommandTask(settings.exec, settings.exec_version)
    assert settings.map is not None  # noqa: S101
    from pyfetch.compute.function_task import FunctionTask

    if isinstance(settings.map, str):
        return FunctionTask.from_text(settings.map, settings.exec_version, settings.output_dir)
    return FunctionTask.from_callable(settings.map, settings.exec_version)


def digest_of(parts: Iterable[str]) -> str:
    """A short digest of these texts, in their order."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogatepass")
        whole.update(b"%d:%b" % (len(data), data))  # no two lists of texts run together the same
    return whole.hexdigest()[:_DIGITS]
