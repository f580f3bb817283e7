"""WebDataset: tar files in which members of one key follow each other and make a sample.

Each target is a sample: `KEY.EXT` has its body, `KEY.json` what the list and the server say of it.
The package `webdataset` takes all from the first dot of a name on for the extension.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pyfetch.headers import Fields
from pyfetch.http.other_answer import OtherAnswer
from pyfetch.http.validators import kept_value
from pyfetch.naming.components import RelativePath, split_extension
from pyfetch.naming.content_disposition import file_name_given
from pyfetch.naming.template import NOTHING_SAID, Said, Template, wanted_path
from pyfetch.settings import Settings
from pyfetch.storage.packs.pack_format import BLOCK, PackedMember, Piece, SavedMember, StoredMember
from pyfetch.storage.packs.tar import END, MULTIPLE, header
from pyfetch.text import masked_value
from pyfetch.urls import masked_url

_SKIPPED = re.compile(r"__[^/]*__/")
"""How the names of members begin that the package leaves out, unless they end so at once."""
_EXTENSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}(?<!__)")
"""Extensions as they are kept: with `__` at its end, the whole name would be one to leave out."""
_NO_TYPE = "bin"
_DATA = "json"
"""Extension of what is known of a body. A body with that extension gets another one."""

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
"""To text that is ASCII alone."""
_quoted = json.encoder.encode_basestring_ascii
"""The same for a text."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+\.([a-z0-9]{1,8})")
"""A name, as most are, whose extension needs no thought."""


class WebDataset:
    """The format of a run with `--pack webdataset`."""

    suffix = ".tar"
    continues = True
    packs_again = False
    repeats_keys = False  # readers take the second one for the same sample
    packs_at_once = sys.maxsize

    def __init__(self, settings: Settings) -> None:
        self._template = Template(settings.name)
        self._takes_given_name = settings.content_disposition
        self._takes_names_of_urls = not (settings.has_template or settings.content_disposition)

    def key(self, path: RelativePath) -> RelativePath:
        """The path without extension, and without what the package would take for one."""
        directory, slash, name = path.rpartition("/")
        stem = split_extension(name)[0].replace(".", "_") if "." in name else name
        key = f"{directory}{slash}{stem}"
        while _SKIPPED.match(key):
            key = key[1:]
        return RelativePath(key)

    def name(self, number: int) -> str:
        return f"{number:06}.tar"

    def opening(self, name: str) -> bytes:  # noqa: ARG002 - all tar files begin with a member
        return b""

    def closing(self) -> bytes:
        return END

    def packed(self, saved: SavedMember) -> PackedMember:
        body = saved.body
        name = f"{saved.key}.{self._extension(saved)}"
        known = _known(saved)
        modified = time.time() if saved.modified is None else saved.modified
        head = header(name, body.size, modified)
        # The padding of the body, and all of the second member, at once.
        rest = b"".join((
            bytes(-body.size % MULTIPLE),
            header(f"{saved.key}.{_DATA}", len(known), modified),
            known,
            bytes(-len(known) % MULTIPLE),
        ))  # fmt: skip
        pieces: list[Piece] = [head, body.piece, rest] if body.size else [head, rest]
        return PackedMember(name, pieces, len(head) + body.size + len(rest), len(head), body.size)

    def written(self, stored: StoredMember) -> None:
        pass

    def holder(self, member: StoredMember) -> StoredMember:
        return member

    def body(self, pack: BinaryIO, member: StoredMember) -> Iterator[bytes]:
        at, end = member.offset, member.offset + member.length
        while block := os.pread(pack.fileno(), min(BLOCK, end - at), at):
            at += len(block)
            yield block

    def is_sound(self, pack: BinaryIO, member: StoredMember, sha256: str | None) -> bool:
        digest = hashlib.sha256()
        for block in self.body(pack, member):
            digest.update(block)
        return sha256 == digest.hexdigest()

    def answer(self, answer: OtherAnswer) -> Sequence[Piece]:  # noqa: ARG002 - none is kept
        return ()

    def _extension(self, saved: SavedMember) -> str:
        """That of the name which a file would have, else that of the media type."""
        target = saved.target
        if self._takes_names_of_urls and not target.out:
            before, slash, last = target.url.text.rpartition("/")
            plain = _PLAIN_NAME.fullmatch(last)
            if plain and not before.endswith("/") and slash and plain[1] != _DATA:
                return plain[1]
        media_type = saved.content.said.media_type
        said = NOTHING_SAID
        if self._takes_given_name or self._template.uses_type:
            given = None
            if self._takes_given_name:
                given = file_name_given(saved.content.head.headers.get("content-disposition"))
            said = Said(given, media_type)
        name = wanted_path(target, self._template, said).rpartition("/")[2]
        extension = split_extension(name)[1][1:].lower()
        if not extension and media_type:
            from pyfetch.naming.media_types import EXTENSIONS

            extension = EXTENSIONS.get(media_type, "")[1:]
        if not _EXTENSION.fullmatch(extension):
            extension = _NO_TYPE
        return f"body.{_DATA}" if extension == _DATA else extension


def _known(saved: SavedMember) -> bytes:
    """What the list and the server say of a body, under the names that results have them by.

    It is JSON, put together from texts: there is one for each body.
    """
    content, target = saved.content, saved.target
    head, said = content.head, content.said
    fields: Fields = head.headers
    url = final_url = _quoted(masked_url(target.url.text))
    if head.url is not target.url:
        final_url = _quoted(masked_url(head.url.text))
    known = [
        f'{{"url":{url},"final_url":{final_url},"status":{head.status},"size":{saved.body.size}'
    ]
    for name, value in (
        ("sha256", content.sha256),
        ("content_type", kept_value(fields.get("content-type")) or said.media_type),
        ("content_encoding", content.coding),
        ("etag", said.etag),
        ("last_modified", said.last_modified),
    ):
        if value is not None:
            known.append(f',"{name}":{_quoted(value)}')
    if target.input:
        known.append(f',"input":{_encode(masked_value(target.input))}')
    return f"{''.join(known)}}}".encode("ascii")
