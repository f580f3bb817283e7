"""The ledger of a run: it names targets, and notes how each of them ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pyfetch.attempt import Finished
from pyfetch.models import Target

if TYPE_CHECKING:  # loaded where files are kept only
    from pyfetch.naming.template import Said


class Ledger(Protocol):
    """Names targets and notes how they ended. Called by the engine, from any thread."""

    def expect(self, targets: Sequence[Target]) -> None:
        """Prepare for several targets for which `named` will be called next."""
        ...

    def named(self, target: Target) -> Target:
        """Return the target with a path of its own. Called for each target, in input order."""
        ...

    def starting(self, target: Target) -> Target:
        """Return the target with what is known of its file now. Called before each attempt."""
        ...

    def rename(self, target: Target, said: Said, /, *, beside: bool = False) -> Target:
        """The target with the path that follows from what its answer says, made its own.

        `beside`: with a suffix, since that name is a file's that may not be replaced.
        """
        ...

    def finished(self, target: Target, attempt: Finished) -> None:
        """Note how the target ended. Called once for each."""
        ...

    def commit_due(self) -> float | None:
        """When `commit` is due, in seconds on the engine's clock; None: nothing to write."""
        ...

    def commit(self) -> None:
        """Write the notes to disk."""
        ...


class NoLedger:
    """The ledger of a run that keeps no files: it does nothing."""

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


class Rename(Protocol):
    """Gives targets the paths that depend on what their answers say."""

    def __call__(self, target: Target, said: Said, *, beside: bool = False) -> Target:
        """The target with a path of its own, made from what its answer says.

        `beside`: the path gets a suffix, so that no file has it yet.
        """
        ...
