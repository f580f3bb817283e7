"""What is to be done with each file: a protocol of commands and functions."""

from __future__ import annotations

from typing import Protocol

from pyfetch.compute.messages import Begin, Order
from pyfetch.models import Failure, Result, Target


class Task(Protocol):
    """Something to compute of each file."""

    failure: Failure
    """The code of a URL for whose file it fails."""

    def begin(self) -> Begin:
        """What a process gets first."""
        ...

    def loaded(self, digest: str | None) -> None:
        """A process has loaded it; `digest` is the SHA-256 of its source file, if it has one."""
        ...

    def order(self, result: Result) -> Order:
        """What a process gets for the file of this result."""
        ...

    def identity(self, target: Target) -> str:
        """What the state knows it by: another one means that it is to be computed again."""
        ...
