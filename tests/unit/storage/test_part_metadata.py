"""What is known of a part, as it is kept beside it."""

from __future__ import annotations

import json

import pytest

from pyfetch.http.validators import Representation
from pyfetch.storage.part_metadata import PartMetadata

OLDER = {
    "url": "http://h/x", "validator": '"v1"', "answered_by": "http://h/x", "total": 9,
    "last_modified": "", "durable": "0" * 20, "boot": "b",
}  # fmt: skip


def test_metadata_without_coding_and_media_type_stays_readable() -> None:
    """As an earlier version wrote it: what it does not say is not known."""
    read = PartMetadata.from_bytes(json.dumps(OLDER).encode())
    assert read.representation == Representation(None, "", None, None)
    assert PartMetadata.from_bytes(read.to_bytes()) == read
    completed = read.completed_by({"Content-Type": "A/B; c=d"})
    assert (completed.etag, completed.media_type) == ('"v1"', "a/b")


def test_metadata_may_have_no_validator_but_none_that_is_malformed() -> None:
    """Without one, a demanded checksum decides."""
    for fields in ({"validator": ""}, {"validator": "", "total": 0, "etag": 'W/"a"'}):
        PartMetadata.from_bytes(json.dumps(OLDER | fields).encode())
    wrong: list[dict[str, object]] = [
        {"validator": 'W/"a"'}, {"media_type": 5}, {"etag": ["x"]}, {"content_encoding": {}},
        {"last_modified": ["x"]}, {"total": "9"},
    ]  # fmt: skip
    for fields in wrong:
        with pytest.raises(ValueError, match="no metadata"):
            PartMetadata.from_bytes(json.dumps(OLDER | fields).encode())
