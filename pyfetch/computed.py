"""What the tasks of `--exec` and `--map` have left of the files that they were run for."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

MOST_JSON = 1024 * 1024
"""Characters that the value of a function may have as JSON text."""


class Effect(StrEnum):
    """What became of a file through its task."""

    LEFT = "left"
    """It is as it was fetched."""
    ALTERED = "altered"
    """The task has changed, replaced or removed it."""
    REMOVED = "removed"
    """It was removed after the task, by `--keep no`."""
    ALTERED_REMOVED = "altered, removed"
    """The task has changed it, and it was removed after that."""

    @property
    def by_task(self) -> bool:
        """Whether the task itself has changed, replaced or removed the file."""
        return self in (Effect.ALTERED, Effect.ALTERED_REMOVED)

    @property
    def by_pyfetch(self) -> bool:
        """Whether pyfetch removed the file after the task."""
        return self in (Effect.REMOVED, Effect.ALTERED_REMOVED)

    def and_removed(self) -> Effect:
        """The same, and the file was removed after that."""
        return Effect.ALTERED_REMOVED if self.by_task else Effect.REMOVED


class LeftFile(NamedTuple):
    """A file that is no longer as it was fetched, because of its task."""

    size: int | None
    """In bytes; None: it is gone."""
    modified_ns: int | None
    """Modification time on disk, in nanoseconds since the epoch; None: it is gone."""
    stands_for_fetched: bool
    """Whether this run wants nothing else there: it has the same task."""

    def is_file(self, size: int | None, modified_ns: int | None) -> bool:
        """Whether a file of this size and time is what was left; None: whether nothing was."""
        return (self.size, self.modified_ns) == (size, modified_ns)
