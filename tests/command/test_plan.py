"""`--plan`: what a run would do, said before, without asking a server or changing the disk."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from pyfetch.compute.command_task import CommandTask
from pyfetch.models import Target
from pyfetch.storage.state import VERSION
from pyfetch.urls import parse_url
from tests.support.command import Command, Ended, InstalledCommand
from tests.support.computing import Computing
from tests.support.documents import PAGES
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal
from tests.support.waiting import until

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
KEYS = {"index", "url", "action", "path", "instead_of", "error", "detail"}


def plan(pyfetch: Command, *arguments: str, stdin: str | bytes = b"") -> Ended:
    return pyfetch("--plan", "-o", "data", "--format", "jsonl", *arguments, stdin=stdin)


def actions(ended: Ended) -> list[tuple[str, str | None]]:
    """Each action and its path below the output directory."""
    return [
        (one["action"], one["path"] and one["path"].removeprefix("data/")) for one in ended.results
    ]


def everything(directory: Path) -> dict[str, tuple[object, ...]]:
    """All that there is below a directory: contents, times and kinds.

    But for the index into the state's log, which SQLite makes for whoever reads it.
    """
    found: dict[str, tuple[object, ...]] = {}
    for path in [directory, *directory.rglob("*")]:
        if path.name.endswith("-shm"):
            continue
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path)] = (status.st_mtime_ns, status.st_ino, status.st_mode, content)
    return found


@pytest.fixture
def used(pyfetch: Command, server: LoopbackServer) -> LoopbackServer:
    """A server from which data/ has been filled."""
    for path in ("/a/x", "/b/x", "/c", "/d", "/gone"):
        server.pages[path] = Page(path.encode())
    urls = [f"{server.url}{path}" for path in ("/a/x", "/b/x", "/c")]
    assert pyfetch("-o", "data", *urls).status == 0
    server.asked.clear()
    server.connections = 0
    return server


@pytest.mark.parametrize("state", ["as the run left it", "killed", "none"])
def test_it_asks_no_server_and_changes_nothing(
    pyfetch: Command, forked: InstalledCommand, used: LoopbackServer, state: str
) -> None:
    if state == "killed":
        # With a log beside its state, parts and notes.
        used.routes["/slow"] = Handler.stall
        run = forked.start("-o", "data", f"{used.url}/slow")
        until(lambda: used.asked != [], "a request")
        run.kill()
        run.communicate()
        assert (forked.directory / "data/.pyfetch/state.sqlite3-wal").exists()
        used.connections = 0
    if state == "none":
        for path in sorted((forked.directory / "data/.pyfetch").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (forked.directory / "data/.pyfetch").rmdir()
    before = everything(forked.directory)
    lines = "".join(f"{used.url}{path}\n" for path in ("/a/x", "/b/x", "/c out=e/f", "/d", "/slow"))
    for policy in ("refresh", "replace", "skip", "rename", "fail"):
        plan(pyfetch, "--if-exists", policy, stdin=lines)
    plan(pyfetch, "--content-disposition", "--no-state", stdin=lines)
    assert used.connections == 0
    assert everything(forked.directory) == before


def test_a_directory_that_is_not_there_is_not_made(
    pyfetch: Command, server: LoopbackServer
) -> None:
    ended = plan(pyfetch, f"{server.url}/x")
    assert (ended.status, actions(ended)) == (0, [("fetch", "x")])
    assert list(pyfetch.directory.iterdir()) == []


def test_a_directory_that_may_only_be_read_is_no_hindrance(
    pyfetch: Command, used: LoopbackServer
) -> None:
    data = pyfetch.directory / "data"
    for path in (data / ".pyfetch", data):
        path.chmod(0o555)
    ended = plan(pyfetch, f"{used.url}/a/x")
    for path in (data / ".pyfetch", data):
        path.chmod(0o755)
    assert actions(ended) == [("refresh", "x")]


def test_it_needs_no_lock(pyfetch: Command, forked: InstalledCommand, used: LoopbackServer) -> None:
    used.routes["/slow"] = Handler.stall
    run = forked.start("-o", "data", f"{used.url}/slow")
    until(lambda: used.asked != [], "a request")
    ended = plan(pyfetch, f"{used.url}/a/x", f"{used.url}/elsewhere/slow")
    run.kill()
    run.communicate()
    assert ended.status == 0, ended.err
    (first, second) = ended.results
    assert (first["action"], first["path"]) == ("refresh", "data/x")
    assert second["instead_of"] == "data/slow"


def test_each_action_and_its_keys(pyfetch: Command, used: LoopbackServer) -> None:
    (pyfetch.directory / "data" / "directory").mkdir()
    lines = (
        f"{used.url}/a/x\n{used.url}/new\n{used.url}/c sha256={SHA256}\nno url\n"
        f"{used.url}/directory\n{used.url}/deep out=c/deep\nhttp://h/y out=../y\n"
    )
    ended = plan(pyfetch, stdin=lines)
    assert ended.status == 1
    assert all(set(one) == KEYS for one in ended.results)
    assert [one["index"] for one in ended.results] == [1, 2, 3, 4, 5, 6, 7]
    beside = ended.results[5]["path"]
    assert actions(ended) == [
        ("refresh", "x"), ("fetch", "new"), ("check", "c"), ("fail", None), ("fail", "directory"),
        ("fetch", beside.removeprefix("data/")), ("fail", None),
    ]  # fmt: skip
    assert beside.startswith("data/c-")
    assert beside.endswith("/deep")
    instead = [one["instead_of"] for one in ended.results]
    assert instead == [None, None, None, None, None, "data/c/deep", None]
    assert [one["error"] for one in ended.results] == [
        None, None, None, "invalid-url", "exists", None, "invalid-url",
    ]  # fmt: skip
    assert "line 4" in ended.results[3]["detail"]
    assert "line 7" in ended.results[6]["detail"]
    assert "fail 3" in ended.err
    tsv = pyfetch("--plan", "-o", "data", stdin=lines)
    assert tsv.status == 1
    assert tsv.rows == [
        [str(one[key] or "-") for key in ("action", "url", "path", "instead_of", "error", "detail")]
        for one in ended.results
    ]


@pytest.mark.parametrize(
    ("policy", "action", "path", "status"),
    [
        ("refresh", "refresh", "x", 0),
        ("replace", "replace", "x", 0),
        ("skip", "skip", "x", 0),
        ("rename", "fetch", "x-1", 0),
        ("fail", "fail", "x", 1),
    ],
)
def test_a_file_that_is_there_is_met_as_if_exists_says(
    pyfetch: Command, used: LoopbackServer, policy: str, action: str, path: str, status: int
) -> None:
    ended = plan(pyfetch, "--if-exists", policy, f"{used.url}/a/x", f"{used.url}/d")
    assert ended.status == status
    assert actions(ended) == [(action, path), ("fetch", "d")]
    assert ended.results[0]["instead_of"] is None, "no other URL has it"
    hosts = ended.err.count(used.url)
    assert hosts == 1
    asked = 1 if action in ("skip", "fail") else 2
    assert f"{asked} {used.url}" in ended.err


COLLISIONS = """\
{url}/1/x
{url}/2/x
{url}/3/X
{url}/4 out=x/y
{url}/5 out=X/y
{url}/6 out=d/e/f
{url}/7 out=d/e
{url}/8 out=D
{url}/9 out=c
{url}/a/x
{url}/b/x
{url}/10 out=caf\u00e9
{url}/11 out=cafe\u0301
{url}/1/x
{url}/1/x out=again
no url
{url}/12 out=../x
{url}/13 out=.pyfetch/lock
{url}/14 out=link/x
{url}/15 out=inside/x
{url}/16 out=mine/x
{url}/17 out=directory
{url}/18 out=fifo
"""


@pytest.mark.parametrize("used_before", [False, True], ids=["new", "used before"])
@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--if-exists", "rename"], ["--if-exists", "skip"], ["--if-exists", "fail"],
        ["--name", "{dir}/{name}"], ["--no-state"], ["--name", "{index:03}/{stem}"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_it_shows_is_what_a_run_then_does(
    pyfetch: Command, server: LoopbackServer, used_before: bool, arguments: list[str]
) -> None:
    for path in ["/a/x", "/b/x", "/c", "/1/x", "/2/x", "/3/X", *(f"/{n}" for n in range(20))]:
        server.pages[path] = Page(path.encode())
    data = pyfetch.directory / "data"
    (data / "directory").mkdir(parents=True)
    (data / "real").mkdir()
    (data / "inside").symlink_to("real")
    (data / "link").symlink_to("..")
    (data / "mine").write_bytes(b"mine")
    os.mkfifo(data / "fifo")
    if used_before:
        first = [f"{server.url}{path}" for path in ("/a/x", "/b/x", "/c")]
        assert pyfetch("-o", "data", *arguments, *first).status == 0
    # One transfer at a time, in the order of the list: so it is known who comes first.
    lines = COLLISIONS.format(url=server.url)
    planned = plan(pyfetch, *arguments, stdin=lines)
    ran = pyfetch("-o", "data", "--format", "jsonl", "-w", "1", *arguments, stdin=lines)
    assert len(planned.results) == len(ran.results) == lines.count("\n")
    for foreseen, result in zip(planned.results, ran.results, strict=True):
        assert foreseen["url"] == result["url"]
        assert foreseen["error"] == result["error"], foreseen
        if not result["error"]:
            assert foreseen["path"] == result["path"]
            outcomes = {"fetch": {"fetched"}, "skip": {"skipped"}, "check": {"unchanged"}}
            either = {"fetched", "unchanged"}
            assert result["outcome"] in outcomes.get(foreseen["action"], either), foreseen
    assert planned.status == ran.status == 1


def test_instead_of_is_the_path_that_another_url_has(
    pyfetch: Command, used: LoopbackServer
) -> None:
    urls = [
        f"{used.url}{path}" for path in ("/e/d", "/f/d", "/g/D", "/h/C", "/h/x", "/b/x", "/a/x")
    ]
    ended = plan(pyfetch, *urls)
    assert [one["instead_of"] for one in ended.results] == [
        None, "data/d", "data/D", "data/C", "data/x", "data/x", None,
    ]  # fmt: skip
    taken = [one["path"].casefold() for one in ended.results]
    assert len(set(taken)) == len(urls)
    assert "5 beside the name that they want" in ended.err


def test_a_name_that_a_server_gave_is_known_and_no_name_of_another(
    pyfetch: Command, server: LoopbackServer
) -> None:
    field = "attachment; filename=given"
    server.routes["/x"] = lambda h: h.answer(200, b"x", ETag='"1"', Content_Disposition=field)
    url = f"{server.url}/x"
    assert actions(plan(pyfetch, "--content-disposition", url)) == [("fetch", "x")]
    pyfetch("-o", "data", "--content-disposition", url)
    ended = plan(pyfetch, "--content-disposition", url)
    assert actions(ended) == [("refresh", "given")]
    assert ended.results[0]["instead_of"] is None
    assert actions(plan(pyfetch, url)) == [("fetch", "x")]


def test_discard_goes_nowhere_and_duplicates_are_dropped(
    pyfetch: Command, used: LoopbackServer
) -> None:
    urls = [f"{used.url}/a/x", f"{used.url}/d", f"{used.url}/a/x"]
    ended = plan(pyfetch, "--discard", *urls)
    assert actions(ended) == [("fetch", None)] * 3
    ended = plan(pyfetch, "--skip-duplicates", *urls)
    assert actions(ended) == [("refresh", "x"), ("fetch", "d")]
    assert "1 duplicates dropped" in ended.err


def test_the_biggest_hosts_are_counted_and_how_many_more_there_are(pyfetch: Command) -> None:
    lines = "".join(
        f"https://h{host:02}.example/{number}\n"
        for host in range(25)
        for number in range(30 - host)
    )
    ended = plan(pyfetch, stdin=lines)
    summary, *hosts = ended.err.splitlines()
    assert summary == f"pyfetch: plan: fetch {lines.count(chr(10))}, " + summary.split(", ", 1)[1]
    shown = [line.split()[1:] for line in hosts]
    assert shown[:-1] == [[str(30 - h), f"https://h{h:02}.example:443"] for h in range(20)]
    assert shown[-1] == ["and", "5", "hosts", "more"]


def test_quiet_says_nothing_unless_asked_for_a_format(pyfetch: Command) -> None:
    ended = pyfetch("--plan", "-q", "http://h/x", "http://h/y")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert pyfetch("--plan", "-q", stdin="bad").status == 1
    ended = plan(pyfetch, "-q", "http://h/x")
    assert (len(ended.results), ended.err) == (1, "")


def test_an_empty_list_is_no_failure(pyfetch: Command) -> None:
    ended = plan(pyfetch)
    assert (ended.status, ended.out) == (0, "")
    assert "nothing to do" in ended.err


def test_a_reader_that_has_had_enough_ends_it_quietly(forked: InstalledCommand) -> None:
    lines = "".join(f"http://h/{number}\n" for number in range(50_000))
    (forked.directory / "list").write_text(lines)
    process = forked.start("--plan", "list")
    assert process.stdout
    assert process.stdout.readline() == b"fetch\thttp://h/0\t0\t-\t-\t-\n"
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (141, b"")


def test_a_full_disk_for_its_output_is_said(forked: InstalledCommand) -> None:
    lines = "".join(f"http://h/{number}\n" for number in range(5_000))
    (forked.directory / "list").write_text(lines)
    with Path("/dev/full").open("wb") as full:
        process = forked.start("--plan", "list", stdout=full)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert err.decode().count("\n") == 1
    assert b"No space left" in err


def test_credentials_are_not_shown_and_what_is_shown_is_one_line_each(pyfetch: Command) -> None:
    lines = "https://user:hunter2@h.example/x\nhttps://user:hunter2@h.example/\x1b[2J\n"
    for arguments in (["--format", "jsonl"], ["--format", "tsv"], ["--format", "table"]):
        ended = pyfetch("--plan", *arguments, stdin=lines)
        assert "hunter2" not in ended.out + ended.err
        assert "***" in ended.out
        assert "\x1b[2J" not in ended.out + ended.err
    assert len(pyfetch("--plan", stdin=lines).rows) == 2


def test_on_a_terminal_it_is_a_table(forked: InstalledCommand, used: LoopbackServer) -> None:
    urls = [f"{used.url}/a/x", f"{used.url}/z/x", f"{used.url}/new"]
    for columns in (80, 160):
        with Terminal(forked, "--plan", "-o", "data", *urls, columns=columns) as terminal:
            assert terminal.end() == 0
            heading, *rows = terminal.lines
        assert heading.split() == ["#", "action", "URL", "goes", "to"]
        assert rows[0].split()[:2] == ["1", "refresh"]
        assert rows[0].endswith("data/x")
        assert rows[1].split()[:2] == ["2", "fetch"]
        assert rows[2].strip() == "data/x is another URL's"
        assert rows[3].split()[:2] == ["3", "fetch"]
        assert all(len(row) < columns for row in rows[:4])
        place = heading.index("goes to")
        assert [row.index("data/") for row in (rows[0], rows[1], rows[3])] == [place] * 3


@pytest.mark.parametrize("damage", ["garbage", "newer", "foreign"])
def test_a_state_that_cannot_be_used_ends_it_with_3_and_a_sentence(
    pyfetch: Command, used: LoopbackServer, damage: str
) -> None:
    file = pyfetch.directory / "data" / ".pyfetch" / "state.sqlite3"
    if damage == "garbage":
        file.write_bytes(b"no database at all" * 1000)
    else:
        statement = (
            "application_id = 77" if damage == "foreign" else f"user_version = {VERSION + 1}"
        )
        database = sqlite3.connect(file)
        database.execute(f"PRAGMA {statement}")
        database.close()
    before = everything(pyfetch.directory)
    ended = plan(pyfetch, f"{used.url}/a/x")
    assert (ended.status, ended.out) == (3, "")
    (line,) = ended.err.splitlines()
    sentence = {"garbage": "damaged", "newer": "newer pyfetch", "foreign": "another program"}
    assert sentence[damage] in line
    assert "data/.pyfetch/state.sqlite3" in line
    assert "move" in line
    assert everything(pyfetch.directory) == before
    # Without it, or where nothing is kept, it does not matter.
    assert plan(pyfetch, "--no-state", f"{used.url}/a/x").status == 0
    assert plan(pyfetch, "--discard", f"{used.url}/a/x").status == 0


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_earlier_schema_is_read_and_stays_as_it_is(
    pyfetch: Command, used: LoopbackServer, version: int
) -> None:
    file = pyfetch.directory / "data" / ".pyfetch" / "state.sqlite3"
    database = sqlite3.connect(file)
    added = ["media_type", "unused_name", "of_other_url", "went_to"]
    older = added[: 5 - version] if version < 3 else []
    for column in ("stored", "content_encoding", *older):
        database.execute(f"ALTER TABLE file DROP COLUMN {column}")
    for table in ("computed", "backup")[: max(0, 4 - version)]:
        database.execute(f"DROP TABLE {table}")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()
    before = everything(pyfetch.directory)
    assert actions(plan(pyfetch, f"{used.url}/a/x")) == [("refresh", "x")]
    assert everything(pyfetch.directory) == before


def test_files_that_their_task_has_changed_or_that_are_gone_after_it_are_not_fetched(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Unless another task wants them, or a run that keeps them, or one without a task."""

    def appends(path: Path) -> None:
        path.write_bytes(path.read_bytes() + b"and more")

    def task(command: str) -> str:
        parsed = CommandTask(command, None)
        return parsed.identity(Target(1, parse_url("http://h/")))

    computing = Computing(pyfetch.directory / "data")
    server.pages |= {"/altered": Page(b"a"), "/removed": Page(b"r")}
    altered, removed = f"{server.url}/altered", f"{server.url}/removed"
    computing.run(altered, task=appends, identity=task("cat {path}"))
    computing.run(removed, identity=task("cat {path}"), keeps=False)

    def planned(*arguments: str) -> list[str]:
        return [action for action, _ in actions(plan(pyfetch, *arguments, altered, removed))]

    same = ("--exec", "cat {path}", "--keep", "no")
    assert planned(*same) == ["refresh", "refresh"]
    assert planned(*same, "--if-exists", "skip") == ["skip", "skip"]
    assert planned(*same, "--if-exists", "replace") == ["replace", "fetch"]
    assert planned("--exec", "cat {path}") == ["refresh", "fetch"]
    assert planned("--exec", "wc {path}") == ["replace", "fetch"]
    assert planned("--exec", "wc {path}", "--if-exists", "skip") == ["replace", "fetch"]
    assert planned() == ["backup", "fetch"]
    (computing.directory / "altered").write_bytes(b"mine")
    assert planned(*same) == ["backup", "refresh"]


def test_its_fields_are_the_keys_that_its_page_names() -> None:
    page = (PAGES / "names.md").read_text()
    paragraph = page[page.index("`--plan` shows a row") :].partition("\n\n")[0]
    listed = paragraph[paragraph.index("JSON Lines (") :].partition(")")[0]
    assert {word.strip("`") for word in listed[12:].replace("\n", " ").split(", ")} == KEYS
