"""What `--verify` expects of the files in an output directory, on disk, however many there are."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

from pyfetch.checksum import Checksum
from pyfetch.database import temporary_database
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.expected_file import ExpectedFile
from pyfetch.storage.filesystem import OWN_DIRECTORY, identity
from pyfetch.storage.state import State


class ExpectedFiles:
    """What the state and lists of checksums say of files, and which others are there.

    To be closed.
    """

    def __init__(self) -> None:
        self.number = 0
        """How many there are, once `look_around` has looked."""
        self.size = 0
        """Bytes of those that the state knows."""
        self._lists: set[tuple[int, int]] = set()
        """Files that are lists of checksums themselves."""
        self._database = temporary_database(
            "expected (path BLOB PRIMARY KEY, url TEXT, size INTEGER, modified_ns INTEGER,"
            " sha256 TEXT, left_by_task INTEGER, demanded TEXT, stored TEXT)",
            "backup (path BLOB PRIMARY KEY)",
        )

    def close(self) -> None:
        self._database.close()

    def add_state(self, state: State) -> None:
        """Expect what this state knows, but for files that are gone on purpose."""
        for path, url, size, modified_ns, sha256, left_by_task, stored in state.files():
            if size is None:
                continue
            self._database.execute(
                "INSERT OR REPLACE INTO expected VALUES (?, ?, ?, ?, ?, ?, NULL, ?)",
                (os.fsencode(path), url, size, modified_ns, sha256, left_by_task, stored),
            )
            self.size += size
        for path in state.backups():
            query = "INSERT OR IGNORE INTO backup VALUES (?)"
            self._database.execute(query, (os.fsencode(path),))

    def add_checksum(self, path: bytes, checksum: Checksum) -> None:
        """Expect this checksum of a file, as a list of checksums says."""
        self._database.execute(
            "INSERT INTO expected VALUES (?, NULL, NULL, NULL, NULL, 0, ?, NULL) ON CONFLICT (path)"
            " DO UPDATE SET demanded = ifnull(demanded || ' ', '') || excluded.demanded",
            (path, str(checksum)),
        )

    def add_list(self, status: os.stat_result) -> None:
        """A file with this status is a list of checksums: nobody need know it."""
        self._lists.add(identity(status))

    def look_around(self, directory: OutputDirectory) -> None:
        """Find the files that are there. Those of other output directories below are left out."""
        root = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory.root)
        try:
            for where, directories, names, here in os.fwalk(".", dir_fd=root):
                if where != "." and OWN_DIRECTORY in directories:
                    directories.clear()
                    continue
                directories[:] = [one for one in directories if one != OWN_DIRECTORY]
                for name in names:
                    with contextlib.suppress(FileNotFoundError):
                        status = os.stat(name, dir_fd=here, follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode) and identity(status) not in self._lists:
                            self._add_unknown(os.fsencode(f"{where}/{name}".removeprefix("./")))
        finally:
            os.close(root)
        self._count()

    def look_at(self, paths: Iterable[str]) -> None:
        """These are the files that are there: as `look_around`, where there is no directory."""
        for path in paths:
            self._add_unknown(os.fsencode(path))
        self._count()

    def _count(self) -> None:
        (self.number,) = self._database.execute("SELECT count(*) FROM expected").fetchone()

    def _add_unknown(self, path: bytes) -> None:
        self._database.execute(
            "INSERT OR IGNORE INTO expected SELECT ?1, NULL, NULL, NULL, NULL, 0, NULL, NULL"
            " WHERE NOT EXISTS (SELECT 1 FROM backup WHERE path = ?1)",
            (path,),
        )

    def __iter__(self) -> Iterator[ExpectedFile]:
        rows = self._database.execute("SELECT * FROM expected ORDER BY path")
        for path, url, size, modified_ns, sha256, left_by_task, demanded, stored in rows:
            checksums = tuple(Checksum(*text.split("=")) for text in (demanded or "").split())
            yield ExpectedFile(
                os.fsdecode(path),
                url,
                size,
                modified_ns,
                sha256,
                checksums,
                bool(left_by_task),
                stored,
            )
