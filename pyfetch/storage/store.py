"""The seam between an attempt and where its body goes: files, objects of a bucket, packs.

A store keeps these promises: nothing has its final name before it is whole, a part goes on only
with a validator, and a killed process leaves nothing wrong behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, Self

from pyfetch.facts import Known
from pyfetch.http.client import KeepAnswer
from pyfetch.http.response import SavedContent
from pyfetch.models import IfExists, Target
from pyfetch.naming.components import RelativePath
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.existing import Found, Status
from pyfetch.storage.parts import PartMetadata
from pyfetch.storage.placing import Placed, Placement


class Saving(Protocol):
    """What one attempt writes to. It gets its final name when it is whole.

    It is a context manager: at its end, what was not committed is kept if it can be continued, else
    removed. Its methods raise a `StoppedError` for an error that would hit all others, too, else a
    `TargetError`.
    """

    @property
    def length(self) -> int:
        """Bytes that it has."""
        ...

    @property
    def waits(self) -> bool:
        """Whether `commit` waits for a server, or copies much: a loop leaves that to a thread."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def continuable(self) -> PartMetadata | None:
        """What is known of what an earlier attempt has left, if it can go on; sets `length`."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """The bytes that `continuable` found."""
        ...

    def begin(
        self, total: int | None, metadata: PartMetadata | None = None, *, is_whole: bool = False
    ) -> None:
        """Begin from nothing.

        `total`: bytes to come, None if that is not known. With `metadata` it can be continued.
        `is_whole`: all bytes come with the first `write`, or they never go on in another attempt.
        """
        ...

    def go_on(self) -> None:
        """Prepare to append to what `continuable` found."""
        ...

    def goes_to(self, path: str) -> None:
        """Change the path of what it will become."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Append to it."""
        ...

    def commit(
        self, placement: Placement, content: SavedContent, *, modified: float | None
    ) -> Placed:
        """Give it its final name, in one step, as `placement` says.

        `modified`: when the content was last changed, in seconds since the epoch. Raises
        `TargetError` (`exists`) if something that must not be replaced has the name.
        """
        ...

    def drop(self) -> None:
        """Remove what was written."""
        ...


class Store(Protocol):
    """Where bodies go. For any thread. Paths are relative to the output directory or prefix."""

    waits: bool
    """Whether bodies go to a server: a loop leaves to a thread what waits for it."""
    is_local: bool
    """Whether what is committed is a file on this machine, which `final` names."""
    directory: OutputDirectory
    """The directory on this machine that has `.pyfetch`: state, lock and parts."""

    @property
    def keep_answer(self) -> KeepAnswer | None:
        """Keeps an answer that is not the content of a target (a redirect, an error).

        None: this store keeps none. It raises what `Saving` raises.
        """
        ...

    @property
    def key(self) -> Callable[[RelativePath], RelativePath] | None:
        """Makes of the path that a file would have what the state knows it by.

        None: that is the path itself.
        """
        ...

    def final(self, path: str, /) -> str:
        """The path as messages and results show it."""
        ...

    def looks_at_once(self, known: Known, policy: IfExists, /) -> bool:
        """Whether `look` and `begin`, for what the state knows so much of, wait for no server."""
        ...

    def look(self, path: str, known: Known, policy: IfExists, /) -> Found:
        """Find out what has this name, before the first request, as far as `policy` needs it.

        `known`: what the state knows of it. What is as recorded there has the size and time that
        are recorded. Raises `TargetError` (`exists`) for what is never replaced.
        """
        ...

    def status(self, path: str, known: Known) -> Status | None:
        """Status of what has this name now; None if nothing has it. Raises `TargetError`."""
        ...

    def blocks(self, path: str, stored: str | None, /) -> Iterator[bytes]:
        """The bytes of what `look` has found, or `commit` has saved. Raises `TargetError`.

        `stored`: what the store has said to know this version by.
        """
        ...

    def is_free(self, path: str) -> bool:
        """Whether nothing has this name."""
        ...

    def was_free(self, path: str) -> bool:
        """Whether nothing has a name that a URL gets now, if that can be found out quickly."""
        ...

    def without_links(self, path: str) -> str:
        """The path of a directory, without symbolic links that stay inside."""
        ...

    def begin(self, path: str, target: Target, /) -> Saving:
        """What an attempt at this target writes to. It becomes what `path` names."""
        ...
