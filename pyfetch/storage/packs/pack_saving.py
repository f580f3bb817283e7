"""What one attempt writes to, if its body becomes a member of a pack: memory, or a part."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pyfetch.errors import RunError
from pyfetch.facts import FileFacts
from pyfetch.http.response import SavedContent
from pyfetch.models import Target, TargetError
from pyfetch.storage.filesystem import errors_of
from pyfetch.storage.memory import HeldBody
from pyfetch.storage.packs.pack_format import MemberBody, SavedMember, StoredMember
from pyfetch.storage.part import Part
from pyfetch.storage.parts import PartMetadata
from pyfetch.storage.placing import Placed, Placement

if TYPE_CHECKING:
    from pyfetch.storage.packs.pack_store import PackStore


class PackSaving:
    """The `Saving` of a member.

    A small body stays in memory. Another one is a part until it is whole, which may go on in
    another run.
    """

    __slots__ = (
        "_held", "_metadata", "_part", "_path", "_planned", "_store", "_target", "_total",
    )  # fmt: skip

    def __init__(self, store: PackStore, path: str, target: Target) -> None:
        self._store = store
        self._path = self._planned = path
        self._target = target
        self._part: Part | None = None
        self._held = HeldBody(store.memory)
        self._total: int | None = None
        self._metadata: PartMetadata | None = None

    @property
    def length(self) -> int:
        """Bytes that it has."""
        if self._held.content is not None:
            return len(self._held.content)
        return self._part.length if self._part else 0

    @property
    def waits(self) -> bool:
        """Whether `commit` has to copy a file, or to compress much."""
        return self._part is not None or self.length > self._store.format.packs_at_once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._held.forget()
        if self._part:
            if not self._store.format.continues:
                self._part.drop()
            self._part.__exit__(*error)

    def continuable(self) -> PartMetadata | None:
        store = self._store
        if not (store.format.continues and store.parts.there()):
            return None
        self._metadata = self._as_part().continuable()
        return self._metadata

    def blocks(self) -> Iterator[bytes]:
        return self._as_part().blocks()

    def begin(
        self,
        total: int | None,
        metadata: PartMetadata | None = None,
        *,
        is_whole: bool = False,  # noqa: ARG002 - a part is read again, so it needs a name
    ) -> None:
        self._total = total
        self._metadata = metadata = metadata if self._store.format.continues else None
        if self._held.begin(total):
            if self._part:
                self._part.drop()
                self._part = None
        else:
            self._as_part().begin(total, metadata)

    def go_on(self) -> None:
        self._as_part().go_on()

    def goes_to(self, path: str) -> None:
        self._path = path
        if self._part:
            self._part.goes_to(path)

    def write(self, data: bytes | memoryview) -> None:
        held = self._held
        if held.append(data):
            return
        part = self._as_part()
        if held.content is not None:
            part.begin(self._total, self._metadata)
            part.write(memoryview(held.content))
            held.forget()
        part.write(data)

    def commit(
        self, placement: Placement, content: SavedContent, *, modified: float | None
    ) -> Placed:
        store = self._store
        before, found = placement.known.facts, placement.found
        is_same = before and found.status and content.sha256 and before.sha256 == content.sha256
        if before and is_same and not store.format.packs_again:
            self.drop()
            return Placed(
                self._path, before.modified_ns, None, before.stored, adopted=True, shown=found.shown
            )
        try:
            held = self._held.content
            if held is None:
                part = self._as_part()
                with part.reading() as file:
                    body = MemberBody(part.length, None, file)
                    member = self._packed(body, content, modified, before)
            else:
                body = MemberBody(len(held), held)
                member = self._packed(body, content, modified, before)
        except OSError as error:
            errors = errors_of(store.final(self._path), store.directory.check)
            raise errors.translated(error) or error from error
        with contextlib.suppress(OSError, RunError, TargetError):  # it is packed: it has not failed
            self.drop()
        modified_ns = time.time_ns() if modified is None else int(modified * 1_000_000_000)
        return Placed(
            self._path, modified_ns, None, member.text(),
            replaced=found.status is not None, shown=store.shown(member),
        )  # fmt: skip

    def _packed(
        self,
        body: MemberBody,
        content: SavedContent,
        modified: float | None,
        before: FileFacts | None,
    ) -> StoredMember:
        store, target = self._store, self._target
        packed = store.format.packed(SavedMember(target, self._path, content, modified, body))
        store.parts.free_space.need(packed.size)
        former = StoredMember.of(before.stored) if before else None
        behind = former.pack if former and not store.format.repeats_keys else None
        member = store.writer.append(packed, target.index, behind=behind)
        store.format.written(member)
        return member

    def drop(self) -> None:
        self._held.forget()
        if self._part:
            self._part.drop()

    def _as_part(self) -> Part:
        if self._part is None:
            self._part = Part(self._store.parts, self._planned, self._target.identity)
            self._part.goes_to(self._path)
        return self._part
