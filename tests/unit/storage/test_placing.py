"""What a part meets under its final name when it is whole, and what becomes of that."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyfetch.facts import FileFacts, Known
from pyfetch.models import Failure, TargetError
from pyfetch.storage import parts, placing
from pyfetch.storage.cleanup import sweep
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.existing import look
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.part import Part
from pyfetch.storage.parts import Parts
from pyfetch.storage.placing import Placed, Placement, Placer, WhenThere


@pytest.fixture
def directory(tmp_path: Path) -> OutputDirectory:
    prepare(tmp_path)
    sweep(tmp_path)
    return OutputDirectory(tmp_path)


def place(
    directory: OutputDirectory,
    placement: Placement,
    path: str = "x",
    content: bytes = b"fetched",
    meanwhile: Callable[[], object] = lambda: None,
    *,
    is_whole: bool = False,
) -> Placed:
    with Part(Parts(directory), path, "http://h/x") as part:
        part.begin(None, is_whole=is_whole)
        part.write(content)
        meanwhile()
        return part.commit(placement, modified=None)


def parts_of(directory: OutputDirectory) -> list[Path]:
    return list((directory.path / ".pyfetch/parts").iterdir())


def make_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(file))


COMES: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "socket": make_socket,
    "directory": Path.mkdir,
    "link to a file": lambda file: file.symlink_to("mine"),
    "link to nothing": lambda file: file.symlink_to("nothing"),
    "link to a device": lambda file: file.symlink_to("/dev/null"),
}


@pytest.mark.parametrize("when_there", WhenThere)
@pytest.mark.parametrize("come", COMES.values(), ids=COMES)
def test_what_is_no_file_and_comes_while_the_body_does_stays(
    directory: OutputDirectory, come: Callable[[Path], object], when_there: WhenThere
) -> None:
    (directory.path / "mine").write_bytes(b"mine")
    file = directory.path / "x"
    with pytest.raises(TargetError) as raised:
        place(directory, Placement(when_there), meanwhile=lambda: come(file))
    assert raised.value.failure is Failure.EXISTS
    assert not file.is_file() or file.is_symlink()
    assert (directory.path / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("when_there", WhenThere)
@pytest.mark.parametrize("path", ["x", "a/b/x"])
def test_a_file_that_comes_meanwhile_is_met_like_one_that_was_there(
    directory: OutputDirectory, when_there: WhenThere, path: str
) -> None:
    file = directory.path / path
    file.parent.mkdir(parents=True, exist_ok=True)

    def come() -> None:
        file.write_bytes(b"mine")

    placement = Placement(when_there)
    if when_there is WhenThere.KEEP:
        with pytest.raises(TargetError):
            place(directory, placement, path, meanwhile=come)
        assert file.read_bytes() == b"mine"
        return
    placed = place(directory, placement, path, meanwhile=come)
    assert file.read_bytes() == b"fetched"
    if when_there is WhenThere.BACK_UP:
        assert placed.backup == f"{path}.~1~"
        assert (directory.path / f"{path}.~1~").read_bytes() == b"mine"
    else:
        assert placed.backup is None


def test_backups_are_numbered_and_none_takes_the_place_of_another(
    directory: OutputDirectory,
) -> None:
    for number in range(1, 6):
        (directory.path / "x").write_bytes(b"mine %d" % number)
        placed = place(directory, Placement(WhenThere.BACK_UP))
        assert placed.backup == f"x.~{number}~"
    contents = [(directory.path / f"x.~{n}~").read_bytes() for n in range(1, 6)]
    assert contents == [b"mine %d" % n for n in range(1, 6)]


def test_a_backup_of_a_name_of_full_length_is_made(directory: OutputDirectory) -> None:
    name = "n" * 255
    (directory.path / name).write_bytes(b"mine")
    placed = place(directory, Placement(WhenThere.BACK_UP), name)
    assert placed.backup
    assert (directory.path / placed.backup).read_bytes() == b"mine"


@pytest.mark.parametrize("large", [False, True], ids=["small", "several blocks"])
def test_equal_bytes_are_adopted_and_the_file_stays(
    directory: OutputDirectory, large: bool
) -> None:
    content = os.urandom(2_500_000) if large else b""
    file = directory.path / "x"
    file.write_bytes(content)
    before = file.stat()
    placed = place(directory, Placement(WhenThere.BACK_UP), content=content)
    assert placed == Placed("x", before.st_mtime_ns, adopted=True)
    assert file.stat().st_ino == before.st_ino
    assert parts_of(directory) == []


def known_of(file: Path) -> Known:
    status = file.stat()
    return Known(FileFacts(status.st_size, status.st_mtime_ns))


def test_a_file_of_ours_is_replaced_without_a_backup_unless_it_was_changed(
    directory: OutputDirectory,
) -> None:
    file = directory.path / "x"
    file.write_bytes(b"ours")
    known = known_of(file)
    assert place(directory, Placement(WhenThere.BACK_UP, known)).backup is None
    file.write_bytes(b"changed")
    assert place(directory, Placement(WhenThere.BACK_UP, known)).backup == "x.~1~"


@pytest.mark.parametrize(
    ("seconds", "kept"), [(1_700_000_000, False), (1_700_000_000.5, True), (4e9, True)]
)
def test_a_file_of_a_killed_run_is_known_by_its_time(
    directory: OutputDirectory, seconds: float, kept: bool
) -> None:
    file = directory.path / "x"
    file.write_bytes(b"older")
    os.utime(file, (seconds, seconds))
    placement = Placement(WhenThere.BACK_UP, Known(None, placed_by_us=True))
    assert bool(place(directory, placement).backup) is kept


def test_a_link_that_was_seen_is_kept_as_a_backup_and_what_it_leads_to_stays(
    directory: OutputDirectory,
) -> None:
    (directory.path / "mine").write_bytes(b"mine")
    (directory.path / "x").symlink_to("mine")
    placement = Placement(WhenThere.BACK_UP, found=look(directory, "x"))
    assert place(directory, placement).backup == "x.~1~"
    assert (directory.path / "x.~1~").readlink() == Path("mine")
    assert (directory.path / "mine").read_bytes() == b"mine"
    assert (directory.path / "x").read_bytes() == b"fetched"


def test_a_name_that_the_server_chose_goes_beside_a_file_that_is_not_ours(
    directory: OutputDirectory,
) -> None:
    (directory.path / "x").write_bytes(b"mine")
    for when_there in (WhenThere.BACK_UP, WhenThere.REPLACE):
        path = f"x-{when_there.name}"
        placement = Placement(when_there, instead=lambda path=path: path)  # type: ignore[misc]
        assert place(directory, placement).path == path
        assert (directory.path / path).read_bytes() == b"fetched"
    assert (directory.path / "x").read_bytes() == b"mine"
    placement = Placement(WhenThere.BACK_UP, instead=lambda: "never")
    assert place(directory, placement, content=b"mine").adopted


def test_without_hard_links_nothing_is_lost_either(
    directory: OutputDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    file = directory.path / "x"
    assert place(directory, Placement(WhenThere.KEEP)).backup is None
    for number, content in enumerate((b"mine", b"mine too"), 1):
        file.write_bytes(content)
        with pytest.raises(TargetError):
            place(directory, Placement(WhenThere.KEEP))
        assert place(directory, Placement(WhenThere.BACK_UP)).backup == f"x.~{number}~"
        assert (directory.path / f"x.~{number}~").read_bytes() == content


def test_a_part_that_another_process_has_replaced_gets_no_name(
    directory: OutputDirectory,
) -> None:
    def replace() -> None:
        (part,) = parts_of(directory)
        part.unlink()
        part.write_bytes(b"half of what another run")

    with pytest.raises(TargetError) as raised:
        place(directory, Placement(WhenThere.BACK_UP), meanwhile=replace)
    assert raised.value.failure is Failure.DISK
    assert not (directory.path / "x").exists()
    (part,) = parts_of(directory)
    assert part.read_bytes() == b"half of what another run"


@pytest.mark.parametrize("links", [True, False], ids=["placed", "adopted"])
def test_a_file_that_takes_the_name_of_a_part_at_the_last_moment_stays(
    directory: OutputDirectory, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """What has the part's name then is not what was written, and nobody's to remove."""
    file = directory.path / "x"
    if not links:
        file.write_bytes(b"fetched")

    def swap() -> None:
        (part,) = parts_of(directory)
        part.rename(directory.path / "swapped")
        part.write_bytes(b"another process's")

    if links:
        link = os.link

        def link_and_swap(*arguments: Any, **names: Any) -> None:
            link(*arguments, **names)
            swap()

        monkeypatch.setattr(os, "link", link_and_swap)
    else:
        is_equal = Placer._is_equal  # noqa: SLF001

        def compare_and_swap(*arguments: Any) -> bool:
            equal = is_equal(*arguments)
            swap()
            return equal

        monkeypatch.setattr(Placer, "_is_equal", compare_and_swap)
    placed = place(directory, Placement(WhenThere.BACK_UP, found=look(directory, "x")))
    assert placed.adopted is not links
    assert file.read_bytes() == b"fetched"
    assert [part.read_bytes() for part in parts_of(directory)] == [b"another process's"]


def test_what_came_whole_is_never_seen_before_it_has_its_final_name(
    directory: OutputDirectory,
) -> None:
    """So a kill leaves nothing of it, and nobody can put another file in its place."""
    seen: list[Path] = []
    placement = Placement(WhenThere.KEEP)
    place(directory, placement, meanwhile=lambda: seen.extend(parts_of(directory)), is_whole=True)
    assert (directory.path / "x").read_bytes() == b"fetched"
    assert seen == parts_of(directory) == []
    with pytest.raises(TargetError, match="x was created meanwhile"):
        place(directory, placement, content=b"other", is_whole=True)
    assert (directory.path / "x").read_bytes() == b"fetched"
    assert parts_of(directory) == []


def test_what_came_whole_takes_the_place_of_a_file_too(directory: OutputDirectory) -> None:
    """Also where the name that its part then needs was left by a process that was killed."""
    (directory.path / "x").write_bytes(b"mine")
    with Part(Parts(directory), "x", "http://h/x") as part:
        part.begin(None)
        (left,) = parts_of(directory)
    left.write_bytes(b"left")
    placed = place(directory, Placement(WhenThere.BACK_UP), is_whole=True)
    assert (directory.path / "x").read_bytes() == b"fetched"
    assert placed.backup == "x.~1~"
    assert (directory.path / "x.~1~").read_bytes() == b"mine"
    assert parts_of(directory) == []


@pytest.mark.parametrize("lacks", ["O_TMPFILE", "/proc"])
def test_what_came_whole_is_placed_where_each_file_needs_a_name(
    directory: OutputDirectory, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    """As on macOS, or on a file system that makes no files without a name."""

    def no_proc(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    if lacks == "O_TMPFILE":
        monkeypatch.delattr(os, "O_TMPFILE")
    else:
        for module in (parts, placing):
            monkeypatch.setattr(module, "link_open_file", no_proc)
    seen: list[Path] = []
    place(
        directory, Placement(WhenThere.KEEP), is_whole=True,
        meanwhile=lambda: seen.extend(parts_of(directory)),
    )  # fmt: skip
    assert len(seen) == 1
    assert (directory.path / "x").read_bytes() == b"fetched"
    assert parts_of(directory) == []
