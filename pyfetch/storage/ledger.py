"""What the engine tells whoever names its targets and notes what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pyfetch.attempt import Finished
from pyfetch.models import Target


class Ledger(Protocol):
    """What the engine tells of its targets, from any thread."""

    def expect(self, targets: Sequence[Target]) -> None:
        """Told of those that `named` will be asked for next, where they are several."""
        ...

    def named(self, target: Target) -> Target:
        """The target with a path that is its own; asked for each, in input order."""
        ...

    def starting(self, target: Target) -> Target:
        """The target with what is known of it now; asked before each attempt."""
        ...

    def finished(self, target: Target, attempt: Finished) -> None:
        """Told once, when a target is done."""
        ...

    def commit_due(self) -> float | None:
        """When `commit` is due, on the engine's clock; None if there is nothing to write."""
        ...

    def commit(self) -> None:
        """Write what was noted."""
        ...


class NoLedger:
    """For a run that keeps no files."""

    def expect(self, targets: Sequence[Target]) -> None:
        pass

    def named(self, target: Target) -> Target:
        return target

    def starting(self, target: Target) -> Target:
        return target

    def finished(self, target: Target, attempt: Finished) -> None:
        pass

    def commit_due(self) -> float | None:
        return None

    def commit(self) -> None:
        pass
