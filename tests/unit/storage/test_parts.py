"""Parts that an earlier run has left: which can be continued, and which go."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pyfetch.headers import Fields
from pyfetch.http.validators import Representation
from pyfetch.storage.cleanup import KEPT_FOR, sweep
from pyfetch.storage.filesystem import OLD_FILE, prepare
from pyfetch.storage.part import Part
from pyfetch.storage.parts import PartMetadata, Parts, current_boot, part_key, write_metadata

URL = "http://h/x"
METADATA = PartMetadata(URL, '"v"', URL, 100, durable=50, boot=current_boot())


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """The directory of the parts, with one that can be continued."""
    prepare(tmp_path)
    sweep(tmp_path)
    place = tmp_path / ".pyfetch" / "parts"
    (place / f"{part_key('x')}.part").write_bytes(b"p" * 50)
    metadata = place / f"{part_key('x')}.json"
    metadata.touch()
    write_metadata(metadata, METADATA, OLD_FILE)
    return place


def continuable(parts: Path) -> PartMetadata | None:
    return Part(Parts(parts.parent.parent), "x", URL).continuable()


def test_a_part_can_be_continued(parts: Path) -> None:
    assert continuable(parts) == METADATA


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("last_modified", ["x"]), ("last_modified", None), ("last_modified", 7), ("url", 1),
        ("answered_by", {}), ("boot", None), ("validator", ["v"]), ("total", "100"),
        ("total", True), ("total", 1e2), ("durable", "-1"), ("durable", "²"), ("durable", []),
        ("another", "field"),
    ],
)  # fmt: skip
def test_metadata_of_another_type_is_none_and_the_part_goes(
    parts: Path, name: str, value: Any
) -> None:
    file = parts / f"{part_key('x')}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    assert continuable(parts) is None
    assert list(parts.iterdir()) == []


@pytest.mark.parametrize("kind", ["part", "json"])
@pytest.mark.parametrize("what", ["link", "fifo"])
def test_a_part_or_metadata_that_is_no_file_goes_and_is_never_opened(
    parts: Path, kind: str, what: str
) -> None:
    file = parts / f"{part_key('x')}.{kind}"
    file.rename(parts.parent / "elsewhere")
    file.symlink_to("../elsewhere") if what == "link" else os.mkfifo(file)
    content = (parts.parent / "elsewhere").read_bytes()
    assert continuable(parts) is None
    assert list(parts.iterdir()) == []
    assert (parts.parent / "elsewhere").read_bytes() == content


def set_age(file: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(file, (then, then))


def test_a_part_that_nobody_has_written_to_for_30_days_goes(parts: Path) -> None:
    for file in parts.iterdir():
        set_age(file, KEPT_FOR + 60)
    sweep(parts.parent.parent)
    assert list(parts.iterdir()) == []


def test_a_part_that_was_written_to_lately_stays_whatever_its_own_time_is(parts: Path) -> None:
    """The part's own time may be the one that the server said of the file."""
    set_age(parts / f"{part_key('x')}.part", 10 * KEPT_FOR)
    set_age(parts / f"{part_key('x')}.json", KEPT_FOR - 60)
    sweep(parts.parent.parent)
    assert len(list(parts.iterdir())) == 2


def test_half_of_a_part_and_nothing_else_goes_at_once(parts: Path) -> None:
    (parts / f"{part_key('y')}.part").touch()
    (parts / f"{part_key('z')}.json").touch()
    (parts / "mine.txt").touch()
    sweep(parts.parent.parent)
    names = {file.name for file in parts.iterdir()}
    assert names == {f"{part_key('x')}.part", f"{part_key('x')}.json", "mine.txt"}


def test_a_repr_shows_no_secret() -> None:
    assert "hunter2" not in repr(PartMetadata("http://u:hunter2@h/", '"v"', URL, 1))


OLDER = {
    "url": "http://h/x", "validator": '"v1"', "answered_by": "http://h/x", "total": 9,
    "last_modified": "", "durable": "0" * 20, "boot": "b",
}  # fmt: skip


def test_metadata_without_coding_and_media_type_stays_readable() -> None:
    """As an earlier version wrote it: what it does not say is not known."""
    read = PartMetadata.from_bytes(json.dumps(OLDER).encode())
    assert read.representation == Representation(None, "", None, None)
    assert PartMetadata.from_bytes(read.to_bytes()) == read
    completed = read.completed_by(Fields([("content-type", "A/B; c=d")]))
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
