"""What a run and the processes that compute for it say to each other."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pyfetch.compute.function_task import FunctionSpec
from pyfetch.models import Result

OUTPUT_KEPT = 4096
"""Bytes of what a command or function prints last that are kept, to say why it failed."""
MOST_JSON = 1024 * 1024
"""Characters that a value may have as JSON text."""


class Begin(NamedTuple):
    """The first message to a process: what it is for."""

    function: FunctionSpec | None
    """Where the function is; None: the process runs commands."""


class Ready(NamedTuple):
    """The process can compute."""


class Refused(NamedTuple):
    """The process cannot compute at all: the function cannot be loaded."""

    why: str
    """A sentence for people."""


class Call(NamedTuple):
    """Call the function for this file."""

    path: Path
    result: Result


class Execute(NamedTuple):
    """Run this command."""

    arguments: list[str]


class Succeeded(NamedTuple):
    """The task has ended well."""

    value: str | None
    """The value as JSON text; None: a command has none."""


class Failed(NamedTuple):
    """The task has failed, and the process goes on."""

    detail: str
    """Why, as a sentence for people."""
    is_killed: bool = False
    """Whether a signal has ended the command."""


Order = Call | Execute
Reply = Succeeded | Failed
