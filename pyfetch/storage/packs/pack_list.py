"""`--pack-list`: a table that says of each URL in which pack its body is, and where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from pyfetch.output.result_files import AtomicFile
from pyfetch.storage.packs.packed_rows import PackedRow
from pyfetch.text import escaped
from pyfetch.urls import masked_url

_COLUMNS = ("url", "pack", "member", "offset", "size", "sha256")
_JSON_LINES = (".jsonl", ".ndjson")


def opened_list(path: str | None) -> AbstractContextManager[AtomicFile | None]:
    """The file to write, which gets its name in the end. Raises `UsageError`."""
    return nullcontext() if path is None else AtomicFile(path, private=True)


def write_list(file: AtomicFile, path: str, rows: Iterable[PackedRow]) -> None:
    """Write the table: TSV, or JSON Lines if the name of the file says so. Raises `StoppedError`.

    `offset` and `size` are those of the member's record in the pack, in bytes.
    """
    as_json = path.lower().endswith(_JSON_LINES)
    if not as_json:
        file.write("\t".join(_COLUMNS).encode())
    for row in rows:
        member = row.member
        values = (
            masked_url(row.url), member.pack, member.name, member.offset, member.length, row.sha256,
        )  # fmt: skip
        if as_json:
            file.write(json.dumps(dict(zip(_COLUMNS, values, strict=True))).encode())
        else:
            cells = ["-" if value is None else escaped(str(value)) for value in values]
            file.write("\t".join(cells).encode("utf-8", "replace"))
    file.commit()
