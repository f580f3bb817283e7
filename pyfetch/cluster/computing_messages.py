"""Messages between the coordinator and its members in a run that computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyfetch.facts import FileFacts
from pyfetch.models import Result

if TYPE_CHECKING:  # loaded where something is computed
    from pyfetch.compute.function_task import FunctionTask
    from pyfetch.cpu_share import CpuShare
    from pyfetch.storage.computed_table import ComputedOf, ComputedRow


class Computing(NamedTuple):
    """How a member computes: comes to it with its settings."""

    function: FunctionTask | None
    """What is called for each file; None: the settings have a command."""
    share: CpuShare | None = None
    """CPUs of a member on this machine; None: as its settings say, or its own machine."""
    has_own_place: bool = False
    """Whether files go with the member, as it has no output directory and none has to stay."""


class FileFetched(NamedTuple):
    """A file is there, and is going to be computed: its target will be done once that is over."""

    result: Result
    facts: FileFacts | None
    """New facts about the file."""
    path: str | None
    """Path of the file, if that is not the target's own path."""


class FileKnown(NamedTuple):
    """The answer to `FileFetched`: what the state knows of the file, and of its task."""

    path: str
    known: ComputedOf


class TasksDone(NamedTuple):
    """What tasks have made of files, to be recorded."""

    number: int | None
    """That of the answer, which says that it is committed; None: there is none."""
    rows: list[tuple[str, ComputedRow]]
    """By the paths of the files."""


class TasksRecorded(NamedTuple):
    """The answer to `TasksDone`: from now on, the rows survive the death of any process."""

    number: int


class FilesCounted(NamedTuple):
    """More files than before were computed, or their values are known."""

    computed: int
    known: int
