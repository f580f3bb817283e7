"""What is known of a file: facts of one that was saved, and what the state knows of a name."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pyfetch.computed import LeftFile


class FileFacts(NamedTuple):
    """Facts of a file that was saved, from the disk and from the answer that brought it."""

    size: int
    """In bytes."""
    modified_ns: int
    """Modification time on disk, in nanoseconds since the epoch."""
    etag: str | None = None
    last_modified: str | None = None
    """As the server sent it; None if it is no valid time."""
    sha256: str | None = None
    """In hexadecimal digits."""
    answered_by: str | None = None
    """Identity of the URL that answered, after redirects: the validators hold for it alone."""
    media_type: str | None = None
    """In lower case, without parameters; None if it is not known."""
    unused_name: str | None = None
    """The name that the server gave, in a run without `--content-disposition`."""
    content_encoding: str | None = None
    """The coding in which it was saved; None: none, or it is not known."""
    stored: str | None = None
    """What the store needs to know this version again (an object's ETag); None for a file."""


class Known(NamedTuple):
    """What the state knows of the file at a target's path."""

    facts: FileFacts | None = None
    """None: the state knows of no file."""
    placed_by_us: bool = False
    """Whether nothing had this name when the URL got it, and no run has ended without a file since.
    Then a file that is there comes from a run that was killed before it could note that."""
    went_to: str | None = None
    """Path of the file, if the server has given it another name."""
    of_other_url: bool = False
    """Whether the file came from another URL, which owned the name in an earlier run."""
    left: "LeftFile | None" = None
    """What a task has made of the file. Known only in a run that computes itself."""
    seen_free: bool = False
    """Whether this run has given the name to the URL, and has seen that nothing had it."""


UNKNOWN = Known()
"""For a target of which the state knows nothing, or if there is no state."""
