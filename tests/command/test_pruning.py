"""`--prune` moves what the list does not name any more, and nothing else."""

from __future__ import annotations

import gzip
import signal
from pathlib import Path

import pytest

from tests.support.command import Command, Ended, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal
from tests.support.waiting import until

PRUNE = ("--prune", "--yes")


@pytest.fixture
def data(pyfetch: Command) -> Path:
    return pyfetch.directory / "data"


@pytest.fixture
def urls(server: LoopbackServer) -> list[str]:
    for name in ("a", "d/b", "d/c"):
        server.pages[f"/{name}"] = Page(name.encode())
    return [f"{server.url}/{name}" for name in ("a", "d/b", "d/c")]


def run(pyfetch: Command, *arguments: str) -> Ended:
    return pyfetch("-o", "data", "--name", "{dir}/{name}", *arguments)


def below(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".pyfetch" not in path.relative_to(directory).parts
    }


def pruned(data: Path) -> dict[str, bytes]:
    return below(data / ".pyfetch" / "pruned")


def test_what_the_list_no_longer_names_moves_with_its_path(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    ended = run(pyfetch, urls[0], *PRUNE)
    assert ended.status == 0
    assert below(data) == {"a": b"a"}
    assert pruned(data) == {"d/b": b"d/b", "d/c": b"d/c"}
    assert "pruned: 2 files moved to data/.pyfetch/pruned" in ended.err
    assert not (data / "d").exists()  # nothing else was in it


def test_what_was_pruned_is_fetched_anew_if_the_list_names_it_again(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    run(pyfetch, urls[0], *PRUNE)
    ended = run(pyfetch, *urls, *PRUNE, "--format", "jsonl")
    assert [result["outcome"] for result in ended.results] == ["unchanged", "fetched", "fetched"]
    assert below(data).keys() == {"a", "d/b", "d/c"}


@pytest.mark.slow
def test_nothing_that_was_pruned_before_is_overwritten(
    pyfetch: Command, server: LoopbackServer, urls: list[str], data: Path
) -> None:
    for body in (b"one", b"two", b"three"):
        server.pages["/d/b"] = Page(body)
        run(pyfetch, *urls)
        run(pyfetch, urls[0], urls[2], *PRUNE)
    assert pruned(data) == {"d/b": b"one", "d/b-1": b"two", "d/b-2": b"three"}


def test_a_file_that_was_pruned_is_not_in_the_way_of_a_directory(
    pyfetch: Command, server: LoopbackServer, urls: list[str], data: Path
) -> None:
    server.pages["/d"] = Page(b"file")
    run(pyfetch, f"{server.url}/d")
    run(pyfetch, urls[0], *PRUNE)
    run(pyfetch, *urls)
    run(pyfetch, urls[0], *PRUNE)
    assert pruned(data) == {"d": b"file", "d-1/b": b"d/b", "d-1/c": b"d/c"}


def test_a_file_of_the_users_or_changed_by_the_user_stays(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    (data / "mine").write_bytes(b"mine")
    (data / "d" / "b").write_bytes(b"changed")
    ended = run(pyfetch, urls[0], *PRUNE)
    assert below(data) == {"a": b"a", "mine": b"mine", "d/b": b"changed"}
    assert "1 file changed since stay" in ended.err
    assert pruned(data) == {"d/c": b"d/c"}


@pytest.mark.parametrize("how", ["link", "directory", "missing", "link on the way"])
def test_what_is_there_in_place_of_a_file_stays(
    pyfetch: Command, urls: list[str], data: Path, how: str
) -> None:
    run(pyfetch, *urls)
    outside = pyfetch.directory / "outside"
    if how == "link on the way":
        (data / "d").rename(outside)
        (data / "d").symlink_to(outside)
    else:
        (data / "d" / "c").rename(outside)
        if how == "link":
            (data / "d" / "c").symlink_to(outside)
        elif how == "directory":
            (data / "d" / "c").mkdir()
    ended = run(pyfetch, *urls[:2] if how != "link on the way" else urls[:1], *PRUNE)
    assert ended.status == 0, ended.err
    assert pruned(data) == {}
    assert outside.exists()


def test_what_fails_now_is_still_named(
    pyfetch: Command, server: LoopbackServer, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    del server.pages["/d/b"]
    ended = run(pyfetch, *urls[:2], *PRUNE)
    assert ended.status == 1
    assert below(data).keys() == {"a", "d/b"}


@pytest.mark.parametrize("bad", ["no-url", "ftp://h/x"])
def test_a_list_with_a_record_that_cannot_be_used_prunes_nothing(
    pyfetch: Command, urls: list[str], data: Path, bad: str
) -> None:
    run(pyfetch, *urls)
    (pyfetch.directory / "list").write_text(f"{urls[0]}\n{bad}\n")
    ended = run(pyfetch, "list", *PRUNE)
    assert below(data).keys() == {"a", "d/b", "d/c"}
    assert "nothing is pruned: what 1 record of the list would name is not known" in ended.err


def test_a_list_that_is_cut_off_prunes_nothing(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    whole = gzip.compress("\n".join(urls).encode(), mtime=0)
    (pyfetch.directory / "list.gz").write_bytes(whole[:-9])
    ended = run(pyfetch, "list.gz", *PRUNE)
    assert "nothing is pruned" in ended.err
    assert len(below(data)) == 3


def test_a_list_that_lacks_a_column_for_a_name_prunes_nothing(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    (pyfetch.directory / "list.csv").write_text(f"url,id\n{urls[0]},1\n{urls[1]},2\n")
    pyfetch("list.csv", "-o", "data", "--name", "{input.id}")
    (pyfetch.directory / "list.csv").write_text(f"url,id\n{urls[0]},1\n{urls[1]},\n")
    ended = pyfetch("list.csv", "-o", "data", "--name", "{input.id}", *PRUNE)
    assert "nothing is pruned" in ended.err
    assert below(data).keys() == {"1", "2"}


def test_an_empty_list_prunes_nothing(pyfetch: Command, urls: list[str], data: Path) -> None:
    run(pyfetch, *urls)
    ended = pyfetch("-o", "data", *PRUNE, stdin="")
    assert "nothing is pruned: the list names nothing" in ended.err
    assert len(below(data)) == 3


def test_a_run_that_stopped_prunes_nothing(
    pyfetch: Command, server: LoopbackServer, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    ended = run(pyfetch, urls[0], f"{server.url}/none", urls[1], *PRUNE, "--fail-fast", "-w", "1")
    assert "nothing is pruned: the run did not come to its end" in ended.err
    assert len(below(data)) == 3


def test_an_interrupted_run_prunes_nothing(
    forked: InstalledCommand, server: LoopbackServer, urls: list[str]
) -> None:
    forked("-o", "data", *urls)
    server.routes["/slow"] = Handler.stall
    with forked.start("-o", "data", *PRUNE, urls[0], f"{server.url}/slow") as running:
        until(lambda: any(asked.path == "/slow" for asked in server.asked))
        running.send_signal(signal.SIGINT)
        running.communicate()
    assert running.returncode == 130
    assert len(below(forked.directory / "data")) == 3


def test_a_list_of_what_failed_prunes_nothing(
    pyfetch: Command, server: LoopbackServer, urls: list[str], data: Path
) -> None:
    del server.pages["/d/b"]
    arguments = (*PRUNE, "--failed-to", "failed.txt")
    ended = run(pyfetch, *urls, *arguments)
    assert ended.status == 1
    assert "pyfetch failed.txt" in ended.err
    assert not set(PRUNE) & set(ended.err.split())
    ended = run(pyfetch, "failed.txt", *arguments)
    assert ended.status == 2
    assert "--prune needs the whole list" in ended.err
    assert below(data).keys() == {"a", "d/c"}


def test_without_a_terminal_to_ask_on_it_refuses_before_anything_is_fetched(
    pyfetch: Command, server: LoopbackServer, urls: list[str]
) -> None:
    ended = run(pyfetch, *urls, "--prune")
    assert ended.status == 2
    assert "add --yes" in ended.err
    assert server.asked == []


@pytest.mark.parametrize("arguments", [("--discard",), ("--no-state",), ("--if-exists", "rename")])
def test_what_would_not_know_the_files_excludes_it(
    pyfetch: Command, arguments: tuple[str, ...]
) -> None:
    for plan in ((), ("--plan",)):
        ended = run(pyfetch, "http://h/", *PRUNE, *arguments, *plan)
        assert ended.status == 2
        assert "exclude each other" in ended.err


@pytest.mark.parametrize(("answer", "left"), [("y\n", 1), ("n\n", 3), ("\n", 3)])
def test_on_a_terminal_it_names_the_files_and_asks(
    pyfetch: Command, forked: InstalledCommand, urls: list[str], answer: str, left: int
) -> None:
    pyfetch("-o", "data", *urls)
    with Terminal(forked, "-o", "data", "--prune", urls[0]) as terminal:
        terminal.wait_for("The list does not name 2 files")
        assert "  b" in terminal.text
        terminal.type(answer)
        assert terminal.end() == 0
    assert len(below(forked.directory / "data")) == left


def test_a_plan_lists_what_would_be_pruned_and_moves_nothing(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    for form in ("tsv", "jsonl", "table"):
        ended = run(pyfetch, urls[0], "--plan", "--prune", "--format", form)
        if form == "tsv":
            assert [(row[0], row[2]) for row in ended.rows] == [
                ("refresh", "data/a"), ("prune", "data/d/b"), ("prune", "data/d/c"),
            ]  # fmt: skip
        elif form == "jsonl":
            assert [result["index"] for result in ended.results] == [1, None, None]
            assert ended.results[1]["url"] == urls[1]
        assert "prune 2" in ended.err
    assert len(below(data)) == 3


def test_cleanup_leaves_what_was_pruned_and_says_so(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    run(pyfetch, urls[0], *PRUNE)
    ended = pyfetch("-o", "data", "--cleanup")
    assert "2 pruned files stay (6 B)" in ended.err
    assert len(pruned(data)) == 2


def test_a_link_in_place_of_the_directory_of_pruned_files_is_not_followed(
    pyfetch: Command, urls: list[str], data: Path
) -> None:
    run(pyfetch, *urls)
    outside = pyfetch.directory / "outside"
    outside.mkdir()
    (data / ".pyfetch" / "pruned").symlink_to(outside)
    ended = run(pyfetch, urls[0], *PRUNE)
    assert ended.status == 3
    assert list(outside.iterdir()) == []
    assert len(below(data)) == 3


@pytest.mark.slow
def test_files_over_processes_are_pruned_too(forked: InstalledCommand, urls: list[str]) -> None:
    forked("-o", "data", *urls)
    forked("-o", "data", "--processes", "2", *PRUNE, *urls[:2])
    assert below(forked.directory / "data").keys() == {"a", "b"}
