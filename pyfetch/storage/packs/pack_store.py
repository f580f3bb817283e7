"""Members of packs: the `Store` of a run with `--pack`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from pyfetch.facts import Known
from pyfetch.http.client import KeepAnswer
from pyfetch.http.other_answer import OtherAnswer
from pyfetch.models import Failure, IfExists, Target, TargetError
from pyfetch.naming.components import RelativePath
from pyfetch.settings import Pack, Settings
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.existing import NOTHING, Found
from pyfetch.storage.filesystem import OWN_DIRECTORY, errors_of
from pyfetch.storage.memory import Memory
from pyfetch.storage.packs.pack_files import OpenPacks, PacksInDirectory, SealedPacks
from pyfetch.storage.packs.pack_format import PackFormat, StoredMember, pieces_size
from pyfetch.storage.packs.pack_saving import PackSaving
from pyfetch.storage.packs.pack_source import GivenPack
from pyfetch.storage.packs.pack_writer import PackWriter
from pyfetch.storage.parts import Parts, current_boot

_NOT_MODIFIED = 304


class MemberStatus(NamedTuple):
    """Size and time of a member, under the names that a file has them by."""

    st_size: int
    st_mtime_ns: int


class PackStore:
    """The `Store` of a run that packs what it fetches.

    Paths are the keys of members. What is there, the state says, if the pack has it.
    """

    is_local = False

    def __init__(
        self,
        directory: OutputDirectory,
        sealed: SealedPacks,
        pack_format: PackFormat,
        settings: Settings,
        final: Callable[[str], str],
    ) -> None:
        self.directory = directory
        self.waits = settings.in_bucket
        self.sealed = sealed
        self.format = pack_format
        self.final = final
        self.open_packs = OpenPacks(directory)
        self.parts = Parts(directory, settings.min_free)
        self.memory = Memory()
        self._most_bytes, self._most_members = settings.pack_size, settings.pack_count
        self.writer = PackWriter(
            self.open_packs, pack_format, self._most_bytes, self._most_members,
            syncs=settings.fsync,
        )  # fmt: skip
        self.syncs = settings.fsync
        self.keep_answer: KeepAnswer | None = self._keep if settings.archives else None
        self.key: Callable[[RelativePath], RelativePath] = pack_format.key
        self._sealed_sizes: dict[str, int] = {}
        """Bytes of sealed packs: none of these ever changes."""

    @classmethod
    def of(cls, settings: Settings, directory: OutputDirectory) -> PackStore:
        """The store that these settings name. Raises `UsageError`."""
        sealed: SealedPacks = PacksInDirectory(directory)
        final: Callable[[str], str] = directory.final
        if settings.in_bucket:
            from pyfetch.storage.objects.object_store import ObjectStore
            from pyfetch.storage.packs.packs_in_bucket import PacksInBucket

            bucket = ObjectStore.of(settings, directory).bucket
            sealed, final = PacksInBucket(bucket), bucket.address.shown
        pack_format = pack_format_of(settings, directory, lambda member: store.has(member))
        sealed.check_room(pack_format.name(0))
        store = cls(directory, sealed, pack_format, settings, final)
        return store

    def looks_at_once(self, known: Known, policy: IfExists) -> bool:  # noqa: ARG002 - as `look`
        return known.facts is None or not self.waits

    def look(self, path: str, known: Known, policy: IfExists) -> Found:  # noqa: ARG002
        facts = known.facts
        member = StoredMember.of(facts.stored) if facts else None
        if member is None or facts is None or not self.has_body(member):
            return NOTHING
        status = MemberStatus(facts.size, facts.modified_ns)
        return Found(status, stored=facts.stored, shown=self.shown(member))

    def status(self, path: str, known: Known) -> MemberStatus | None:
        found = self.look(path, known, IfExists.REFRESH)
        return found.status if isinstance(found.status, MemberStatus) else None

    def blocks(self, path: str, stored: str | None) -> Iterator[bytes]:
        member = StoredMember.of(stored)
        member = self.format.holder(member) if member else None
        with errors_of(self.final(path)):
            file = self._reading(member) if member else None
            if file is None or member is None:
                raise TargetError(Failure.DISK, f"the pack of {self.final(path)} is gone")
            with file:
                yield from self.format.body(file, member)

    def is_free(self, path: str) -> bool:  # noqa: ARG002 - the state alone gives keys
        return True

    def was_free(self, path: str) -> bool:  # noqa: ARG002 - a member is never found by its key
        return False

    def without_links(self, path: str) -> str:
        return path

    def begin(self, path: str, target: Target) -> PackSaving:
        return PackSaving(self, path, target)

    def shown(self, member: StoredMember) -> str:
        """The path of a member as results show it: below that of its pack."""
        return f"{self.final(member.pack)}/{member.name}"

    def beside(self, name: str) -> str:
        """Name of the file beside a pack that says what has failed."""
        return f"{name.removesuffix(self.format.suffix)}.json"

    def is_full(self, given: GivenPack) -> bool:
        """Whether a pack gets no more members."""
        most = self._most_members
        return given.length >= self._most_bytes or (most is not None and given.members >= most)

    @property
    def is_after_another_boot(self) -> bool:
        """Whether the system was started again since a run has written packs here."""
        from pyfetch.storage.packs.pack_numbers import read_numbers

        return read_numbers(self)[1] != current_boot()

    def cut(self, name: str, length: int, members: int) -> GivenPack:
        """Cut an open pack back. Raises `OSError`."""
        descriptor = self.open_packs.writing(name)
        try:
            os.ftruncate(descriptor, length)
        finally:
            os.close(descriptor)
        return GivenPack(name, length, members)

    def append_to(
        self, open_packs: OpenPacks, written: Callable[[str, int, int, int], None]
    ) -> None:
        """Append to these open packs, and call `written` as `PackWriter.written` is called."""
        self.open_packs = open_packs
        self.writer.append_to(open_packs, written)

    def close(self) -> None:
        self.open_packs.close()

    def _keep(self, answer: OtherAnswer) -> None:
        """Add an answer that is not the content of a target to a pack."""
        status = answer.head.status
        if status == _NOT_MODIFIED:
            return  # a pack has its content already
        pieces = self.format.answer(answer)
        with errors_of(self.final(""), self.directory.check):
            self.parts.free_space.need(pieces_size(pieces))
            # Where a redirect leads to may be packed already: then it is not worth a pack.
            self.writer.append_loose(pieces, waits=300 <= status < 400)

    def is_of_this_format(self, member: StoredMember) -> bool:
        """Whether a run with this `--pack` has put it there, and none with the other value."""
        return member.pack.endswith(self.format.suffix)

    def has(self, member: StoredMember) -> bool:
        """Whether there is a pack of this format that is long enough to have this."""
        name = member.pack
        if not self.is_of_this_format(member):
            return False
        size = self._sealed_sizes.get(name)
        if size is None:
            with errors_of(self.final(name)):
                size = self.open_packs.size(name)
                if size is None:
                    size = self.sealed.size(name)
                    if size is not None:
                        self._sealed_sizes[name] = size
        return size is not None and size >= member.end

    def has_body(self, member: StoredMember) -> bool:
        """Whether this is there, and the member that has its body, too."""
        if not self.has(member):
            return False
        holder = self.format.holder(member)
        return holder is member or self.has(holder)

    def _reading(self, member: StoredMember) -> BinaryIO | None:
        """Open its pack, sealed or not. It may be sealed at this moment."""
        name, start, end = member.pack, member.start, member.end
        with contextlib.suppress(FileNotFoundError):
            return self.open_packs.reading(name, start, end)
        with contextlib.suppress(FileNotFoundError):
            return self.sealed.reading(name, start, end)
        return None


def pack_format_of(
    settings: Settings, directory: OutputDirectory, has: Callable[[StoredMember], bool]
) -> PackFormat:
    """The format of packs that these settings name. Raises `UsageError`.

    `has`: whether there is a pack that has this member.
    """
    if settings.pack is Pack.WARC:
        from pyfetch.storage.packs.warc_format import WarcFormat
        from pyfetch.storage.state_file import STATE_FILE

        own = directory.path / OWN_DIRECTORY
        return WarcFormat(settings.output_dir, str(own), own / STATE_FILE, has)
    from pyfetch.storage.packs.webdataset import WebDataset

    return WebDataset(settings)
