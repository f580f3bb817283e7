"""`--verify` says of each file whether it is as it was fetched, and asks no server."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import Command, Ended, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal
from tests.support.waiting import until


@pytest.fixture
def data(pyfetch: Command, server: LoopbackServer) -> Path:
    """Three files that were fetched, with a state that knows them."""
    for name in ("a", "d/b", "d/c"):
        server.pages[f"/{name}"] = Page(f"content of {name}".encode())
    urls = [f"{server.url}/{name}" for name in ("a", "d/b", "d/c")]
    assert pyfetch("-o", "data", "--name", "{dir}/{name}", *urls).status == 0
    server.asked.clear()
    return pyfetch.directory / "data"


def verified(pyfetch: Command, *arguments: str) -> dict[str, str]:
    """The status of each file."""
    ended = pyfetch("--verify", "-o", "data", *arguments)
    return {row[3].removeprefix("data/"): row[0] for row in ended.rows}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_all_is_well_after_a_run(pyfetch: Command, server: LoopbackServer, data: Path) -> None:
    ended = pyfetch("--verify", "-o", "data")
    assert ended.status == 0
    assert ended.rows[0] == ["ok", "12", f"{server.url}/a", "data/a", "-"]
    assert [row[3] for row in ended.rows] == ["data/a", "data/d/b", "data/d/c"]
    assert "verified 3 files, 40 B in" in ended.err
    assert server.asked == []


def bytes_changed(file: Path) -> None:
    status = file.stat()
    file.write_bytes(b"Content of d/b")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def cut(file: Path) -> None:
    file.write_bytes(b"short")


def made_a_link(file: Path) -> None:
    shutil.copy2(file, file.with_name("copy"))
    file.unlink()
    file.symlink_to("copy")


def made_a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def made_a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("how", [bytes_changed, cut, made_a_link, made_a_directory, made_a_fifo])
def test_what_is_not_as_it_was_fetched_is_changed(
    pyfetch: Command, data: Path, how: Callable[[Path], None]
) -> None:
    how(data / "d" / "b")
    ended = pyfetch("--verify", "-o", "data")
    assert ended.status == 1
    by_path = {row[3]: row for row in ended.rows}
    assert by_path["data/d/b"][0] == "changed"
    assert by_path["data/d/b"][4] != "-"
    assert by_path["data/a"][0] == by_path["data/d/c"][0] == "ok"


def test_a_file_that_is_gone_is_missing(pyfetch: Command, data: Path) -> None:
    shutil.rmtree(data / "d")
    assert verified(pyfetch) == {"a": "ok", "d/b": "missing", "d/c": "missing"}
    assert pyfetch("--verify", "-o", "data").status == 1


def test_a_directory_that_became_a_link_is_not_followed(pyfetch: Command, data: Path) -> None:
    (data / "d").rename(pyfetch.directory / "elsewhere")
    (data / "d").symlink_to(pyfetch.directory / "elsewhere")
    ended = pyfetch("--verify", "-o", "data")
    assert ended.status == 1
    assert [row[0] for row in ended.rows] == ["ok", "unreadable", "unreadable"]


def test_a_file_that_was_only_touched_is_well_and_that_is_said(
    pyfetch: Command, data: Path
) -> None:
    os.utime(data / "a")
    ended = pyfetch("--verify", "-o", "data")
    assert ended.status == 0
    assert ended.rows[0][0] == "ok"
    assert "modification time is not" in ended.rows[0][4]


def test_what_nobody_knows_is_said_and_is_no_failure(pyfetch: Command, data: Path) -> None:
    (data / "mine.txt").write_bytes(b"mine")
    (data / "other").mkdir()
    (data / "other" / ".pyfetch").mkdir()
    (data / "other" / "x").write_bytes(b"of another output directory")
    assert verified(pyfetch) == {"a": "ok", "d/b": "ok", "d/c": "ok", "mine.txt": "unknown"}
    assert pyfetch("--verify", "-o", "data").status == 0


def test_a_backup_is_known(pyfetch: Command, server: LoopbackServer, data: Path) -> None:
    (data / "e").write_bytes(b"mine")
    server.pages["/e"] = Page(b"new")
    pyfetch("-o", "data", f"{server.url}/e")
    assert (data / "e.~1~").exists()
    assert verified(pyfetch) == {"a": "ok", "d/b": "ok", "d/c": "ok", "e": "ok"}


# Lists of checksums


def test_a_list_in_the_directory_counts_unasked(pyfetch: Command, data: Path) -> None:
    lines = [f"{sha256(b'content of a')}  a", f"{sha256(b'other')} *d/b", f"{'0' * 64}  none"]
    (data / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    assert verified(pyfetch) == {"a": "ok", "d/b": "changed", "d/c": "ok", "none": "missing"}


def test_what_checksums_wrote_is_understood_without_a_state(pyfetch: Command, data: Path) -> None:
    urls = [row[2] for row in pyfetch("--verify", "-o", "data").rows]
    arguments = ("-o", "data", "--name", "{dir}/{name}", "--checksums", "sums")
    pyfetch(*arguments, "--if-exists", "replace", *urls)
    shutil.rmtree(data / ".pyfetch")
    assert verified(pyfetch, "sums") == {"a": "ok", "d/b": "ok", "d/c": "ok"}
    (data / "a").write_bytes(b"content of b")
    assert verified(pyfetch, "sums")["a"] == "changed"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha512"])
def test_a_list_may_have_other_digests(pyfetch: Command, data: Path, algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"content of a").hexdigest()
    (pyfetch.directory / "sums").write_text(f"{algorithm.upper()} (a) = {digest}\n")
    assert verified(pyfetch, "sums")["a"] == "ok"
    (pyfetch.directory / "sums").write_text(f"{'0' * len(digest)}  ./a\n")
    assert verified(pyfetch, "sums")["a"] == "changed"


@pytest.mark.parametrize("name", ["d//b", "./d/./b", "a/../d/b", "data/d/b", "./data//d/b"])
def test_a_name_may_be_written_in_other_ways(pyfetch: Command, data: Path, name: str) -> None:
    (pyfetch.directory / "sums").write_text(f"{sha256(b'other')}  {name}\n")
    assert verified(pyfetch, "sums") == {"a": "ok", "d/b": "changed", "d/c": "ok"}


@pytest.mark.parametrize("name", [b"\xff.bin", b"new\nline", b"back\\slash"])
def test_names_of_any_bytes_are_found(pyfetch: Command, data: Path, name: bytes) -> None:
    (data / os.fsdecode(name)).write_bytes(b"x")
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    mark = b"\\" if escaped != name else b""
    (pyfetch.directory / "sums").write_bytes(mark + sha256(b"x").encode() + b"  " + escaped)
    ended = pyfetch("--verify", "-o", "data", "sums")
    assert (ended.status, len(ended.rows)) == (0, 4)
    assert {row[0] for row in ended.rows} == {"ok"}


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", ".pyfetch/lock"])
def test_a_list_leads_nowhere_else(pyfetch: Command, data: Path, name: str) -> None:
    (pyfetch.directory / "outside").write_bytes(b"")
    (pyfetch.directory / "sums").write_text(f"{sha256(b'')}  {name}\n")
    ended = pyfetch("--verify", "-o", "data", "sums")
    assert ended.status == 1
    assert {row[0] for row in ended.rows if row[3].endswith(name)} <= {"unreadable", "missing"}


@pytest.mark.parametrize("line", ["no list", f"{'0' * 33}  a", f"{'0' * 64}"])
def test_what_is_no_list_of_checksums_is_an_error(pyfetch: Command, data: Path, line: str) -> None:
    (pyfetch.directory / "sums").write_text(line)
    ended = pyfetch("--verify", "-o", "data", "sums")
    assert ended.status == 2
    assert ended.err.startswith("pyfetch: cannot use sums: line 1 has no checksum and name")


@pytest.mark.parametrize(
    ("what", "empty"),
    [
        ("--verify", "it has neither a state of pyfetch's nor SHA256SUMS (name such a list"),
        ("--cleanup", "no run has saved there (it has no .pyfetch)"),
    ],
)
def test_where_no_run_has_saved_there_is_nothing_to_do(
    pyfetch: Command, what: str, empty: str
) -> None:
    """Else nobody would notice that the name of the directory is misspelt. Nothing is made."""
    before = {pyfetch.directory / name for name in ("empty", "file")}
    (pyfetch.directory / "empty").mkdir()
    (pyfetch.directory / "file").touch()
    verb = {"--verify": "compare", "--cleanup": "clean up"}[what]
    for more in ([], ["--pack", "webdataset"]):
        for name, why in (
            ("none", "cannot read none: No such file or directory (is its name right?)"),
            ("none/x", "cannot read none/x: No such file or directory (is its name right?)"),
            ("file", "cannot read file: Not a directory (is its name right?)"),
            ("empty", empty),
        ):
            ended = pyfetch(what, "-o", name, *more)
            assert ended.status == 2, ended.err
            assert ended.err.startswith(f"pyfetch: there is nothing to {verb} in {name}: {why}")
    assert {*pyfetch.directory.iterdir()} == before


@pytest.mark.parametrize(
    "arguments", [("--plan",), ("--prune", "--yes"), ("--cleanup",), ("https://h/",)]
)
def test_it_fetches_nothing(pyfetch: Command, data: Path, arguments: tuple[str, ...]) -> None:
    assert pyfetch("--verify", "-o", "data", *arguments).status == 2


def test_nothing_is_written(pyfetch: Command, data: Path) -> None:
    def seen() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in data.rglob("*")}

    before = seen()
    pyfetch("--verify", "-o", "data")
    assert seen() == before


# How it is shown


def test_json_lines_have_all_keys(pyfetch: Command, server: LoopbackServer, data: Path) -> None:
    (data / "a").write_bytes(b"Content of a")
    ended = pyfetch("--verify", "-o", "data", "--format", "jsonl")
    first, second, _ = ended.results
    assert first == {
        "path": "data/a",
        "status": "changed",
        "size": 12,
        "url": f"{server.url}/a",
        "sha256": sha256(b"Content of a"),
        "detail": first["detail"],
    }
    assert sha256(b"content of a") in first["detail"]
    assert second["detail"] is None


def test_secrets_of_urls_are_masked(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/s"] = Page(b"s")
    url = server.url.replace("//", "//me:secret@") + "/s?X-Other=1&sig=topsecret"
    assert pyfetch("-o", "data", url).status == 0
    ended = pyfetch("--verify", "-o", "data", "--format", "jsonl")
    assert ended.status == 0
    assert "secret" not in ended.out


def test_quiet_says_only_what_is_wrong(pyfetch: Command, data: Path) -> None:
    assert pyfetch("--verify", "-o", "data", "-q") == Ended(0, "", "")
    (data / "a").unlink()
    ended = pyfetch("--verify", "-o", "data", "-q")
    assert ended.out == ""
    assert ended.err.startswith("missing data/a\n")


def test_on_a_terminal_there_are_rows_and_a_bar(forked: InstalledCommand, data: Path) -> None:
    with (data / "d" / "b").open("wb") as file:
        file.truncate(1)
    with Terminal(forked, "--verify", "-o", "data") as terminal:
        assert terminal.end() == 1
        assert "ok             12 B data/a" in terminal.text
        assert "changed" in terminal.text
        assert "verified 3 files" in terminal.text
        assert not terminal.cursor_is_hidden


def test_ctrl_c_ends_it_with_what_there_is(forked: InstalledCommand, data: Path) -> None:
    with (data / "large").open("wb") as file:
        file.truncate(8 * 1024**3)
    (forked.directory / "sums").write_text(f"{'0' * 64}  large\n")
    with forked.start("--verify", "-o", "data", "sums", "--format", "jsonl") as running:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["status"] == "ok"
        running.send_signal(signal.SIGINT)
        running.communicate()
    assert running.returncode == 130


def test_while_a_run_is_at_work_it_does_not_judge(
    forked: InstalledCommand, server: LoopbackServer, data: Path
) -> None:
    server.routes["/slow"] = Handler.stall
    with forked.start("-o", "data", f"{server.url}/slow") as running:
        until(lambda: any(asked.path == "/slow" for asked in server.asked))
        ended = forked("--verify", "-o", "data")
        assert ended.status == 3
        assert "a run is at work in data" in ended.err
        running.kill()
        running.communicate()
