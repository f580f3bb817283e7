"""A file as the state has it, for whoever goes through all of them."""

from typing import NamedTuple


class RecordedFile(NamedTuple):
    """A file that pyfetch has fetched, as the state has it."""

    path: str
    """Below the output directory."""
    url: str
    """Whose file it is: without credentials, fragment and signature."""
    size: int | None
    """In bytes; None: its task (`--exec`, `--map`) or `--keep no` has removed it."""
    modified_ns: int | None
    """Modification time on disk, in nanoseconds since the epoch; None: it is gone."""
    sha256: str | None
    """In hexadecimal digits; None for a file that its task has changed."""
    left_by_task: bool = False
    """Whether size and time are those that its task has left."""
    stored: str | None = None
    """What its store knows it by; None for a file."""
