"""What is known of a file: of one that was saved, and of the name that a target gets."""

from __future__ import annotations

from typing import NamedTuple


class FileFacts(NamedTuple):
    """A file that was saved, and what the answer said that it came with."""

    size: int
    """In bytes."""
    modified_ns: int
    """Modification time on disk, in nanoseconds since the epoch."""
    etag: str | None = None
    last_modified: str | None = None
    """As the server sent it; None where it cannot serve as a validator."""
    sha256: str | None = None
    """In hexadecimal digits."""
    answered_by: str | None = None
    """Identity of the URL that answered, after redirects: the validators hold for it alone."""
    media_type: str | None = None
    """In lower case, without parameters; None if it is not known."""
    unused_name: str | None = None
    """The name that the server gave, in a run that did not ask for it (--content-disposition)."""


class Known(NamedTuple):
    """What the state knows about the file of a target's name."""

    facts: FileFacts | None = None
    """None: the state knows of no file."""
    placed_by_us: bool = False
    """Nothing had this name when the URL got it, and no run has ended without a file since: a
    file that is there now comes from a run that was killed before it could note it."""
    went_to: str | None = None
    """Path of the file, if the server has named it."""
    of_other_url: bool = False
    """The file came from another URL, which owned the name in an earlier run."""


UNKNOWN = Known()
"""The state knows nothing, or there is none."""
