"""The interface to what names the targets of a run and notes how each of them ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pyfetch.attempt import Finished
from pyfetch.models import Target
from pyfetch.naming.template import Said


class Ledger(Protocol):
    """Names targets and notes how they ended. Called by the engine, from any thread."""

    def expect(self, targets: Sequence[Target]) -> None:
        """These targets come next: `named` will be asked for each. Called if they are several."""
        ...

    def named(self, target: Target) -> Target:
        """The target with a path of its own. Called for each target, in input order."""
        ...

    def starting(self, target: Target) -> Target:
        """The target with what is known of its file now. Called before each attempt."""
        ...

    def rename(self, target: Target, said: Said, /, *, beside: bool = False) -> Target:
        """The target with the path that follows from what its answer says, made its own.

        `beside`: with a suffix, since that name is a file's that may not be replaced.
        """
        ...

    def finished(self, target: Target, attempt: Finished) -> None:
        """The target is done. Called once for each."""
        ...

    def commit_due(self) -> float | None:
        """When `commit` is due, in seconds on the engine's clock; None: nothing to write."""
        ...

    def commit(self) -> None:
        """Write the notes to disk."""
        ...


class NoLedger:
    """For a run that keeps no files."""

    def expect(self, targets: Sequence[Target]) -> None:
        pass

    def named(self, target: Target) -> Target:
        return target

    def starting(self, target: Target) -> Target:
        return target

    def rename(self, target: Target, _said: Said, /, *, beside: bool = False) -> Target:  # noqa: ARG002
        return target

    def finished(self, target: Target, attempt: Finished) -> None:
        pass

    def commit_due(self) -> float | None:
        return None

    def commit(self) -> None:
        pass
