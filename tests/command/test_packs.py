"""`--pack webdataset`: many bodies in a few tar files, and a rerun finishes the job."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from pyfetch import FetchError, fetch_all, run
from pyfetch.compute.lot_queue import LARGEST_LOT
from pyfetch.engine.read_ahead import ReadAhead
from tests.support.command import LONGEST, Command, InstalledCommand
from tests.support.packs import (
    WEBDATASET,
    bodies,
    bodies_of,
    members,
    packs,
    samples,
    samples_of,
)
from tests.support.processes import asking
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

MIDDLE = bytes(range(256)) * 6000
"""More than what is kept in memory."""


def names(directory: Path) -> set[str]:
    """All that a user sees in it."""
    return {file.name for file in directory.iterdir()} - {".pyfetch"}


def test_what_is_fetched_is_read_by_the_package(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {
        "/a.txt": Page(b"small"),
        "/empty": Page(b""),
        "/middle.bin": Page(MIDDLE),
        "/ü/grün.jpg": Page(b"green"),
    }
    urls = [server.url + path for path in ("/a.txt", "/empty", "/middle.bin")]
    green = f"{server.url}/%C3%BC/gr%C3%BCn.jpg"
    server.pages["/%C3%BC/gr%C3%BCn.jpg"] = Page(b"green")
    ended = pyfetch("-o", "data", *WEBDATASET, "--name", "{dir}/{name}", *urls, green)
    assert ended.status == 0, ended.err
    data = pyfetch.directory / "data"
    assert bodies(data) == {urls[0]: b"small", urls[1]: b"", urls[2]: MIDDLE, green: b"green"}
    assert names(data) == {"000000.tar", "000000.json"}
    assert {sample["__key__"] for sample in samples(data)} == {"a", "empty", "middle", "ü/grün"}
    assert {row[3] for row in ended.rows} == {
        f"data/000000.tar/{name}" for name in members(data / "000000.tar") if ".json" not in name
    }


def test_a_sample_has_what_the_list_and_the_server_say(
    pyfetch: Command, server: LoopbackServer
) -> None:
    day = "Mon, 01 Jan 2024 10:00:00 GMT"
    server.routes["/x"] = lambda h: h.answer(
        200, b"x", Content_Type="image/png; a=b", ETag='"1"', Last_Modified=day
    )
    record = {"url": f"{server.url}/x?token=secret&sig=1", "caption": "a cät", "n": 3}
    ended = pyfetch("-", "-o", "data", *WEBDATASET, stdin=json.dumps(record))
    assert ended.status == 0, ended.err
    (sample,) = samples(pyfetch.directory / "data")
    assert sample["png"] == b"x"
    known = json.loads(sample["json"])
    assert known["input"] == {"caption": "a cät", "n": 3}
    assert (known["status"], known["content_type"], known["etag"]) == (200, "image/png; a=b", '"1"')
    assert (known["last_modified"], known["size"]) == (day, 1)
    assert len(known["sha256"]) == 64
    assert "sig=1" not in str(known)


def test_no_two_urls_become_one_sample(pyfetch: Command, server: LoopbackServer) -> None:
    paths = ["/a.jpg", "/a.png", "/b.tar.gz", "/b.x.gz", "/c.json", "/__m__/d.e", "/.f"]
    server.pages = {path: Page(path.encode()) for path in paths}
    ended = pyfetch(
        "-w", "1", "-o", "data", *WEBDATASET, "--name", "{dir}/{name}",
        *[server.url + path for path in paths],
    )  # fmt: skip
    assert ended.status == 0, ended.err
    found = [*samples(pyfetch.directory / "data")]
    assert len({sample["__key__"] for sample in found}) == len(paths)
    assert {path: server.url + path for path in paths} == {
        body.decode(): url for url, body in bodies(pyfetch.directory / "data").items()
    }
    assert found[4].keys() >= {"body.json", "json"}
    assert found[2].keys() >= {"tar.gz"}


def test_a_result_of_the_library_says_that_its_body_is_in_a_pack(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.pages["/a.txt"] = Page(b"small")
    (result,) = list(fetch_all([f"{server.url}/a.txt"], pack="webdataset", output_dir=tmp_path))
    with pytest.raises(FetchError, match=r"read a.txt from .*000000.tar"):
        result.read_bytes()


def test_packs_are_not_larger_than_wanted(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {f"/{number}": Page(bytes([number]) * 3000) for number in range(20)}
    urls = [server.url + path for path in server.pages]
    assert pyfetch("-o", "data", *WEBDATASET, "--pack-size", "20000", *urls).status == 0
    sizes = [pack.stat().st_size for pack in packs(pyfetch.directory / "data")]
    assert len(sizes) > 4
    assert all(size <= 20000 + 1024 for size in sizes)
    assert pyfetch("-o", "few", *WEBDATASET, "--pack-count", "7", *urls).status == 0
    numbers = [len(members(pack)) // 2 for pack in packs(pyfetch.directory / "few")]
    assert numbers == [7, 7, 6]


def test_a_rerun_fetches_what_is_missing_or_has_changed(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {"/a": Page(b"a"), "/b": Page(b"b"), "/middle": Page(MIDDLE)}
    urls = [server.url + path for path in ("/a", "/b", "/c", "/middle")]
    arguments = ("-o", "data", *WEBDATASET, *urls)
    assert pyfetch(*arguments).status == 1
    data = pyfetch.directory / "data"
    first = (data / "000000.tar").read_bytes()
    failed = json.loads((data / "000000.json").read_text())
    assert (failed["pack"], failed["members"]) == ("000000.tar", 3)
    assert [(one["url"], one["error"], one["status"]) for one in failed["failed"]] == [
        (urls[2], "http", 404)
    ]
    server.pages["/c"] = Page(b"c")
    server.pages["/b"] = Page(b"new")
    server.asked.clear()
    ended = pyfetch(*arguments)
    assert [row[0] for row in ended.rows] == ["304", "200", "200", "304"]
    assert ended.rows[0][3] == "data/000000.tar/a.bin"
    assert (data / "000000.tar").read_bytes() == first, "a sealed pack is never written to"
    assert {
        name: body for name, body in members(data / "000001.tar").items() if ".bin" in name
    } == {
        "b.bin": b"new",
        "c.bin": b"c",
    }
    # Nothing to do: nothing is made.
    before = names(data)
    assert pyfetch(*arguments).status == 0
    assert names(data) == before


def test_each_failure_stands_beside_the_pack_that_was_filled_meanwhile(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """With what the list says of it; those after the last pack stand beside that, too."""
    data = pyfetch.directory / "data"

    def fails_once_it_is_sealed(pack: str) -> Callable[[Handler], None]:
        def answer(handler: Handler) -> None:
            until((data / pack).exists, f"{pack} is sealed")
            handler.answer(404, b"")

        return answer

    server.pages = {"/a": Page(b"a"), "/b": Page(b"b")}
    server.routes["/no-2"] = fails_once_it_is_sealed("000000.tar")
    server.routes["/no-3"] = fails_once_it_is_sealed("000001.tar")
    paths = ["/no-1", "/a", "/no-2", "/b", "/no-3"]
    listed = "".join(
        f"{json.dumps({'url': server.url + path, 'caption': path[1:]})}\n" for path in paths
    )
    arguments = ("-", "-w", "1", "-o", "data", *WEBDATASET, "--pack-count", "1")
    assert pyfetch(*arguments, stdin=listed).status == 1
    told = [json.loads((data / f"00000{number}.json").read_text()) for number in range(2)]
    failed = [[(one["url"], one["input"]) for one in pack["failed"]] for pack in told]
    assert failed == [
        [(f"{server.url}/no-1", {"caption": "no-1"})],
        [(f"{server.url}/{name}", {"caption": name}) for name in ("no-2", "no-3")],
    ]
    assert "404" in told[0]["failed"][0]["detail"]
    assert [pack["members"] for pack in told] == [1, 1]


def test_the_same_bytes_are_not_packed_again(pyfetch: Command, server: LoopbackServer) -> None:
    """A server without validators sends them each time."""
    server.routes["/x"] = lambda h: h.answer(200, b"x")
    arguments = ("-o", "data", *WEBDATASET, "--format", "jsonl", f"{server.url}/x")
    assert pyfetch(*arguments).results[0]["outcome"] == "fetched"
    again = pyfetch(*arguments).results[0]
    assert (again["outcome"], again["path"]) == ("unchanged", "data/000000.tar/x.bin")
    assert names(pyfetch.directory / "data") == {"000000.tar", "000000.json"}


def test_a_pack_that_was_removed_is_fetched_again_under_another_number(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {f"/{number}": Page(b"%d" % number) for number in range(4)}
    urls = [server.url + path for path in server.pages]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, "--pack-count", "2", *urls)
    assert pyfetch(*arguments).status == 0
    data = pyfetch.directory / "data"
    (data / "000001.tar").unlink()
    ended = pyfetch(*arguments)
    assert [row[0] for row in ended.rows] == ["304", "304", "200", "200"]
    assert [pack.name for pack in packs(data)] == ["000000.tar", "000002.tar"]
    assert len(bodies(data)) == 4


def test_a_stopped_run_goes_on_in_its_open_pack(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(b"a"), "/c": Page(b"c")}
    urls = [f"{server.url}/{name}" for name in "abc"]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, *urls)
    assert pyfetch(*arguments, "--fail-fast").status == 1
    data = pyfetch.directory / "data"
    assert names(data) == set()
    opened = data / ".pyfetch" / "packs" / "000000.tar"
    with opened.open("ab") as pack:
        pack.write(b"half a member")
    server.pages["/b"] = Page(b"b")
    ended = pyfetch(*arguments)
    assert [row[0] for row in ended.rows] == ["304", "200", "200"]
    assert bodies(data) == {f"{server.url}/{name}": name.encode() for name in "abc"}
    assert names(data) == {"000000.tar", "000000.json"}
    assert not opened.exists()


def test_a_file_of_the_user_is_never_replaced(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(b"a")}
    data = pyfetch.directory / "data"
    data.mkdir()
    (data / "000000.tar").write_bytes(b"mine")
    (data / "000001.json").write_bytes(b"mine")
    assert pyfetch("-o", "data", *WEBDATASET, f"{server.url}/a").status == 0
    assert (data / "000000.tar").read_bytes() == b"mine"
    assert (data / "000001.json").read_bytes() == b"mine"
    assert members(data / "000002.tar").keys() == {"a.bin", "a.json"}


def test_a_name_that_appears_while_a_pack_is_filled_is_left_alone(
    pyfetch: Command, server: LoopbackServer
) -> None:
    data = pyfetch.directory / "data"

    def appears(handler: Handler) -> None:
        (data / "000000.tar").write_bytes(b"mine")
        handler.answer(200, b"a")

    server.routes["/a"] = appears
    server.pages["/0"] = Page(b"0")
    urls = [f"{server.url}/0", f"{server.url}/a"]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, *urls)
    ended = pyfetch(*arguments)
    assert ended.status == 3
    assert "data/000000.tar has appeared" in ended.err
    assert (data / "000000.tar").read_bytes() == b"mine"
    (data / "000000.tar").unlink()
    server.routes.clear()
    server.pages["/a"] = Page(b"a")
    assert pyfetch(*arguments).status == 0
    assert len(bodies(data)) == 2


@pytest.mark.parametrize("policy", ["skip", "replace", "fail"])
def test_what_is_there_is_treated_as_a_file_would_be(
    pyfetch: Command, server: LoopbackServer, policy: str
) -> None:
    server.pages = {"/a": Page(b"a")}
    arguments = ("-o", "data", *WEBDATASET, "--format", "jsonl", f"{server.url}/a")
    assert pyfetch(*arguments).status == 0
    server.pages["/a"] = Page(b"b")
    (result,) = pyfetch(*arguments, "--if-exists", policy).results
    outcome = {"skip": "skipped", "replace": "fetched", "fail": "failed"}[policy]
    assert result["outcome"] == outcome
    assert len(packs(pyfetch.directory / "data")) == (2 if policy == "replace" else 1)


@pytest.mark.slow
def test_a_run_over_processes_fills_packs_of_each_and_seals_all(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {f"/{number}.x": Page(b"%d" % number) for number in range(60)}
    urls = [server.url + path for path in server.pages]
    arguments = ("-o", "data", *WEBDATASET, "--pack-count", "20", "--processes", "2", *urls)
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    data = pyfetch.directory / "data"
    assert bodies(data) == {server.url + path: page.body for path, page in server.pages.items()}
    assert all(len(members(pack)) <= 40 for pack in packs(data))
    assert not list((data / ".pyfetch").rglob("*.tar"))
    ended = pyfetch(*arguments)
    assert {row[0] for row in ended.rows} == {"304"}


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_its_pack_to_another(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    killed: list[int | None] = []
    started: Future[subprocess.Popen[bytes]] = Future()

    def kill(handler: Handler) -> None:
        if not killed:
            killed.append(asking(handler, started))
            assert killed[0]
            os.kill(killed[0], signal.SIGKILL)
            return
        handler.answer(200, b"came")

    server.pages = {f"/{number}.x": Page(b"%d" % number * 100) for number in range(60)}
    server.routes["/deadly.x"] = kill
    urls = [server.url + path for path in [*server.pages, "/deadly.x"]]
    running = forked.start("-o", "data", *WEBDATASET, "--processes", "2", *urls)
    started.set_result(running)
    _, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    assert killed
    data = forked.directory / "data"
    assert bodies(data).keys() == set(urls)
    assert not list((data / ".pyfetch").rglob("*.tar"))


# A process that is killed between two reports: it has appended the first body to its pack, and
# others behind it, and only of these it has told the coordinator.
KILLED_BEFORE_IT_REPORTS = """
import os, signal, sys, threading, time
from pyfetch.cli.main import main
from pyfetch.storage.packs.pack_writer import PackWriter
append, others = PackWriter.append, threading.Event()
def killed(self, packed, target_index, **options):
    stored = append(self, packed, target_index, **options)
    if target_index > 1:
        others.set()
    elif not os.path.exists("killed"):
        others.wait(10)
        time.sleep(0.5)
        open("killed", "x").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return stored
PackWriter.append = killed
sys.argv[:] = ["pyfetch", *os.environ["ARGUMENTS"].split()]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("count", ["2", "100"])
def test_what_a_killed_process_has_packed_and_not_reported_is_there_once(
    forked: InstalledCommand, server: LoopbackServer, count: str
) -> None:
    """Whether its pack was full already or not."""
    server.pages = {f"/{number}.x": Page(b"%d" % number * 100) for number in range(40)}
    urls = [server.url + path for path in server.pages]
    arguments = ("-o", "data", *WEBDATASET, "--pack-count", count, "--processes", "2", *urls)
    forked.environment["ARGUMENTS"] = " ".join(arguments)
    program = forked.program(KILLED_BEFORE_IT_REPORTS, stderr=subprocess.PIPE)
    _, err = program.communicate(timeout=LONGEST)
    assert program.returncode == 0, err
    assert (forked.directory / "killed").exists()
    data = forked.directory / "data"
    assert bodies(data) == {server.url + path: page.body for path, page in server.pages.items()}
    assert not list((data / ".pyfetch").rglob("*.tar"))


@pytest.mark.slow
def test_a_disk_that_gets_full_leaves_no_half_of_a_member(
    pyfetch: Command, server: LoopbackServer, small_disk: Path
) -> None:
    server.pages = {f"/{number}": Page(bytes([number]) * 150_000) for number in range(12)}
    urls = [server.url + path for path in server.pages]
    arguments = ("-o", str(small_disk / "data"), *WEBDATASET, "--pack-count", "2", *urls)
    ended = pyfetch(*arguments)
    assert ended.status in (1, 3)  # one body does not fit, or nothing does
    assert re.search("No space left on device|disk is full|do not fit", ended.err)
    data = small_disk / "data"
    found = bodies(data)
    assert all(server.pages[url.removeprefix(server.url)].body == found[url] for url in found)
    for pack in packs(data):
        pack.unlink()
    ended = pyfetch(*arguments)
    assert ended.status in (0, 1, 3)
    found = bodies(data)
    assert found
    assert all(server.pages[url.removeprefix(server.url)].body == found[url] for url in found)


@pytest.mark.slow
def test_tasks_get_copies_of_members(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a.txt": Page(b"small"), "/middle.bin": Page(MIDDLE)}
    urls = [server.url + path for path in server.pages]
    (pyfetch.directory / "sizes.py").write_text(
        "def size(path, result):\n    return [path.name, len(path.read_bytes())]\n"
    )
    arguments = ("-o", "data", *WEBDATASET, "--map", "sizes.py:size", "--format", "jsonl", *urls)
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    values = [["a.txt", 5], ["middle.bin", len(MIDDLE)]]
    assert [one["value"] for one in ended.results] == values
    assert ended.results[0]["path"] == "data/000000.tar/a.txt"
    (pyfetch.directory / "sizes.py").write_text("def size(path, result):\n    return path.name\n")
    assert [one["value"] for one in pyfetch(*arguments).results] == ["a.txt", "middle.bin"]
    assert not list((pyfetch.directory / "data" / ".pyfetch").glob("copies-*"))


@pytest.mark.slow
def test_a_copy_is_gone_as_soon_as_its_task_has_ended(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """There are never more than one process takes at once, however many are computed."""
    number = 2 * LARGEST_LOT + 1
    server.pages = {f"/{number}": Page(b"%d" % number) for number in range(number)}
    (pyfetch.directory / "count.py").write_text(
        "def count(path, result):\n    return len(list(path.parent.parent.iterdir()))\n"
    )
    ended = pyfetch(
        "-o", "data", *WEBDATASET, "--map", "count.py:count", "--cpus", "1", "--format", "jsonl",
        *[server.url + path for path in server.pages],
    )  # fmt: skip
    assert ended.status == 0, ended.err
    there = [one["value"] for one in ended.results]
    assert len(there) == number
    assert max(there) <= LARGEST_LOT


@pytest.mark.slow
def test_copies_that_a_killed_run_has_left_are_removed_by_the_next(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {"/a.txt": Page(b"a")}
    arguments = ("-o", "data", *WEBDATASET, "--exec", "true {path}", f"{server.url}/a.txt")
    assert pyfetch(*arguments).status == 0
    own = pyfetch.directory / "data" / ".pyfetch"
    left = own / "copies-of-a-killed-run" / "1" / "a.txt"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a")
    assert pyfetch(*arguments).status == 0
    assert not list(own.glob("copies-*"))


def test_hostile_names_are_no_ways_out_for_who_unpacks_a_pack(
    pyfetch: Command, server: LoopbackServer
) -> None:
    hostile = ["/..%2F..%2Fetc", "/%2e%2e/x.y", "/a%00b", "/a%5C..%5Cb", "/a%0Ab"]
    for path in hostile:
        server.routes[path] = lambda handler: handler.answer(200, b"hostile")
    outs = ["../x", "/etc/x", "a/../../x", "a/./b"]
    entries = [{"url": server.url + path} for path in hostile]
    server.pages["/x"] = Page(b"x")
    entries += [{"url": f"{server.url}/x?{out}", "out": out} for out in outs]
    server.pages |= {f"/x?{out}": Page(b"x") for out in outs}
    listed = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    pyfetch("-", "-o", "data", *WEBDATASET, "--name", "{dir}/{name}", stdin=listed)
    found = [name for pack in packs(pyfetch.directory / "data") for name in members(pack)]
    assert len(found) >= 2 * len(hostile) - 2
    for name in found:
        assert not {"", ".", ".."} & set(name.split("/"))
        assert name.isprintable()
        assert "\\" not in name


@pytest.mark.parametrize("name", ["list.tsv", "list.jsonl"])
def test_the_list_of_members_says_where_each_body_is(
    pyfetch: Command, server: LoopbackServer, name: str
) -> None:
    """The newest one, if it was fetched again; also after a run that had nothing to do."""
    server.pages = {f"/{number}.txt": Page(b"%d" % number * 99) for number in range(30)}
    urls = [server.url + path for path in server.pages]
    arguments = ("-o", "data", *WEBDATASET, "--pack-count", "9", "--pack-list", name, *urls)
    assert pyfetch(*arguments).status == 0
    server.pages["/7.txt"] = Page(b"new")
    assert pyfetch(*arguments).status == 0
    first = (pyfetch.directory / name).read_text()
    assert pyfetch(*arguments).status == 0
    lines = (pyfetch.directory / name).read_text().splitlines()
    assert lines == first.splitlines()
    if name == "list.tsv":
        columns, *rows = [line.split("\t") for line in lines]
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
    else:
        listed = [json.loads(line) for line in lines]
    assert len(listed) == len(urls)
    for one in listed:
        pack = (pyfetch.directory / "data" / one["pack"]).read_bytes()
        body = pack[int(one["offset"]) : int(one["offset"]) + int(one["size"])]
        assert body == server.pages[one["url"].removeprefix(server.url)].body
        assert one["sha256"] == hashlib.sha256(body).hexdigest()
        assert members(pyfetch.directory / "data" / one["pack"])[one["member"]] == body


def test_the_list_of_members_has_the_keys_that_urls_have_now(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """One for each URL after `--name` was changed, and again; several where the list says so."""
    server.pages = {f"/{name}.txt": Page(name.encode()) for name in "abc"}
    urls = [server.url + path for path in server.pages]

    def listed(name: str, *records: dict[str, str]) -> set[tuple[str, str]]:
        arguments = ("-", "-o", "data", *WEBDATASET, "--pack-list", "list.jsonl", "--name", name)
        ended = pyfetch(*arguments, stdin="\n".join(map(json.dumps, records)))
        assert ended.status == 0, ended.err
        lines = (pyfetch.directory / "list.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        found = {(row["url"].removeprefix(server.url), row["member"]) for row in rows}
        assert len(found) == len(rows)
        return found

    every = [{"url": url} for url in urls]
    here = {(f"/{name}.txt", f"{name}.txt") for name in "abc"}
    there = {(f"/{name}.txt", f"there/{name}.txt") for name in "abc"}
    assert listed("{name}", *every) == here
    assert listed("there/{name}", *every) == there
    assert listed("{name}", *every) == here
    # What the list does not name keeps the keys that it had.
    only = {"url": urls[0]}
    others = {(url, key) for url, key in here | there if url != "/a.txt"}
    assert listed("there/{name}", only) == {("/a.txt", "there/a.txt")} | others
    twice = ({**only, "out": "one.txt"}, {**only, "out": "two.txt"})
    both = {("/a.txt", "one.txt"), ("/a.txt", "two.txt")}
    assert listed("{name}", *twice) == both | others


def test_a_key_whose_url_fails_leaves_the_one_that_it_had_in_the_list_of_members(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {"/a.txt": Page(b"a")}
    arguments = ("-o", "data", *WEBDATASET, "--pack-list", "list.tsv", f"{server.url}/a.txt")
    assert pyfetch(*arguments).status == 0
    before = (pyfetch.directory / "list.tsv").read_text()
    server.pages = {}
    assert pyfetch(*arguments, "--name", "there/{name}").status == 1
    assert (pyfetch.directory / "list.tsv").read_text() == before


def test_the_list_of_members_has_none_whose_pack_is_gone(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """The state knows it still, as this run was not asked for it."""
    server.pages = {"/a": Page(b"a"), "/b": Page(b"b")}
    urls = [server.url + path for path in server.pages]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, "--pack-list", "list.jsonl")
    assert pyfetch(*arguments, "--pack-count", "1", *urls).status == 0
    (pyfetch.directory / "data" / "000001.tar").unlink()
    assert pyfetch(*arguments, urls[0]).status == 0
    lines = (pyfetch.directory / "list.jsonl").read_text().splitlines()
    assert [json.loads(line)["url"] for line in lines] == urls[:1]


def test_a_list_of_members_that_cannot_be_written_is_an_error_at_once(
    pyfetch: Command, server: LoopbackServer
) -> None:
    ended = pyfetch("-o", "d", *WEBDATASET, "--pack-list", "missing/list", f"{server.url}/a")
    assert ended.status == 2
    assert "cannot write missing/list" in ended.err
    assert server.asked == []


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.slow
def test_full_packs_have_the_order_of_the_list(
    pyfetch: Command, server: LoopbackServer, processes: str
) -> None:
    def late(handler: Handler) -> None:
        handler.server.over.wait(0.02)
        handler.answer(200, handler.path.encode())

    paths = [f"/{number:02}" for number in range(24)]
    for path in paths:
        server.routes[path] = late if int(path[1:]) % 3 else lambda h: h.answer(200, b"early")
    arguments = (
        "-w", "8", "-o", "data", *WEBDATASET, "--pack-count", "8", "--pack-order", "input",
        "--pack-list", "list.jsonl", "--processes", processes,
        *[server.url + path for path in paths],
    )  # fmt: skip
    assert pyfetch(*arguments).status == 0
    data = pyfetch.directory / "data"
    assert bodies(data).keys() == {server.url + path for path in paths}
    for pack in packs(data):
        keys = [sample["__key__"] for sample in samples_of(pack)]
        assert keys == sorted(keys)
    for line in (pyfetch.directory / "list.jsonl").read_text().splitlines():
        one = json.loads(line)
        body = (data / one["pack"]).read_bytes()[one["offset"] : one["offset"] + one["size"]]
        assert one["sha256"] == hashlib.sha256(body).hexdigest()
    assert not list((data / ".pyfetch").rglob("*.tar"))
    ended = pyfetch(*arguments, "--if-exists", "skip")
    assert ended.status == 0
    assert bodies(data).keys() == {server.url + path for path in paths}


def test_verify_reads_each_member(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {f"/{number}": Page(b"%d" % number * 99) for number in range(6)}
    urls = [server.url + path for path in server.pages]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, "--pack-count", "3", *urls)
    assert pyfetch(*arguments).status == 0
    data = pyfetch.directory / "data"
    verify = ("--verify", "-o", "data", *WEBDATASET)
    ended = pyfetch(*verify)
    assert ended.status == 0, ended.err
    assert {row[0] for row in ended.rows} == {"ok"}
    assert "data/000000.tar/0.bin" in ended.out
    content = bytearray((data / "000000.tar").read_bytes())
    content[content.index(b"1" * 99)] ^= 1
    (data / "000000.tar").write_bytes(content)
    (data / "000001.tar").unlink()
    ended = pyfetch(*verify)
    assert ended.status == 1
    found = sorted(row[0] for row in ended.rows)
    assert found == ["changed", "missing", "missing", "missing", "ok", "ok"]


@pytest.mark.parametrize("path", ["/a.txt", "/a"])
@pytest.mark.parametrize(("first", "then"), [("warc", "webdataset"), ("webdataset", "warc")])
def test_what_is_in_packs_of_the_other_format_is_fetched_into_these(
    pyfetch: Command, server: LoopbackServer, first: str, then: str, path: str
) -> None:
    """It is not unchanged, as nothing of the format that is asked for has it."""
    server.pages[path] = Page(b"body", etag='"1"')
    arguments = ("-o", "data", f"{server.url}{path}", "--format", "jsonl", "--pack")
    assert pyfetch(*arguments, first).status == 0
    before = {file: file.read_bytes() for file in (pyfetch.directory / "data").glob("*0*")}
    outcomes = [pyfetch(*arguments, then).results[0]["outcome"] for _ in range(2)]
    assert outcomes == ["fetched", "unchanged"]
    assert all(file.read_bytes() == content for file, content in before.items())
    ended = pyfetch("--verify", "-o", "data", "--pack", then)
    end = {"warc": ".warc.gz/", "webdataset": ".tar/"}[then]
    assert [(row[0], end in row[3]) for row in ended.rows] == [("ok", True)]


@pytest.mark.parametrize("first", [(), ("--pack", "warc")])
def test_verify_says_where_there_are_no_packs_of_the_format(
    pyfetch: Command, server: LoopbackServer, first: tuple[str, ...]
) -> None:
    server.pages["/a.txt"] = Page(b"body")
    assert pyfetch("-o", "data", f"{server.url}/a.txt", *first).status == 0
    ended = pyfetch("--verify", "-o", "data", *WEBDATASET)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "pyfetch: data has no packs of the format webdataset\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--prune", "--yes"), "--prune and --pack"),
        (("--checksums", "sums"), "--pack-list lists members"),
        (("--discard",), "leave out --pack"),
        (("--no-state",), "leave --no-state out"),
        (("--if-exists", "rename"), "of two members, the newer one counts"),
    ],
)
def test_what_makes_no_sense_with_packs_is_said_at_once(
    pyfetch: Command, server: LoopbackServer, arguments: tuple[str, ...], said: str
) -> None:
    ended = pyfetch("-o", "data", *WEBDATASET, *arguments, f"{server.url}/a")
    assert ended.status == 2
    assert said in " ".join(ended.err.split())
    assert server.asked == []


def test_a_plan_tells_what_is_there(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a.txt": Page(b"a"), "/b.txt": Page(b"b")}
    urls = [server.url + path for path in server.pages]
    assert pyfetch("-o", "data", *WEBDATASET, urls[0]).status == 0
    ended = pyfetch("--plan", "-o", "data", *WEBDATASET, *urls)
    assert ended.status == 0
    assert [row[0] for row in ended.rows] == ["refresh", "fetch"]
    assert names(pyfetch.directory / "data") == {"000000.tar", "000000.json"}


def test_after_a_loss_of_power_an_open_pack_is_kept_as_far_as_it_is_right(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {f"/{number}": Page(b"%d" % number * 99) for number in range(4)}
    urls = [server.url + path for path in [*server.pages, "/no"]]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, *urls)
    assert pyfetch(*arguments, "--fail-fast").status == 1
    data = pyfetch.directory / "data"
    opened = data / ".pyfetch" / "packs" / "000000.tar"
    content = bytearray(opened.read_bytes())
    at = content.index(b"2" * 99)
    content[at : at + 99] = bytes(99)  # what the disk had not got yet
    opened.write_bytes(content)
    numbers = opened.with_name("numbers.json")
    numbers.write_text(json.dumps(json.loads(numbers.read_text()) | {"boot": "another"}))
    ended = pyfetch(*arguments)
    assert [row[0] for row in ended.rows] == ["304", "304", "200", "200", "404"]
    assert bodies(data) == {server.url + path: page.body for path, page in server.pages.items()}


def test_a_body_that_has_changed_goes_behind_the_pack_that_is_open(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Readers would take two members of one key for one sample, and give the whole pack up."""
    server.pages = {"/a": Page(b"old")}
    urls = [f"{server.url}/a", f"{server.url}/b"]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, "--pack-list", "list.jsonl", *urls)
    assert pyfetch(*arguments, "--fail-fast").status == 1
    server.pages = {"/a": Page(b"new"), "/b": Page(b"b")}
    assert pyfetch(*arguments).status == 0
    first, second = packs(pyfetch.directory / "data")
    assert bodies_of(first) == {urls[0]: b"old"}
    assert bodies_of(second) == {urls[0]: b"new", urls[1]: b"b"}
    lines = (pyfetch.directory / "list.jsonl").read_text().splitlines()
    listed = [json.loads(line) for line in lines]
    assert [(one["url"], one["pack"]) for one in listed] == [(url, second.name) for url in urls]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--if-exists", "replace"),
        ("--content-disposition",),
        ("--name", "{name}{type_ext}"),
        ("--pack-order", "input", "--pack-count", "2"),
        ("--processes", "2"),
        ("--processes", "2", "--content-disposition"),
    ],
)
@pytest.mark.parametrize("ahead", [3, 1000])
def test_a_url_that_a_list_has_several_times_is_one_sample(
    pyfetch: Command,
    server: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    ahead: int,
) -> None:
    """Though its server has another body each time: each would need a pack of its own.

    With few entries read ahead, it comes again when it has been fetched for long.
    """
    monkeypatch.setattr(run, "ReadAhead", lambda: ReadAhead(ahead))
    server.routes["/a"] = lambda h: h.answer(
        200, b"%d" % len(server.asked), Content_Disposition='attachment; filename="given"'
    )
    others = {f"/{number}": Page(b"%d" % number) for number in range(30)}
    server.pages = {**others}
    url = f"{server.url}/a"
    urls = [url, url, *(server.url + path for path in others), url]
    arguments = ("-", "-o", "data", "--format", "jsonl", *WEBDATASET, *options)
    ended = pyfetch(*arguments, stdin="\n".join(urls))
    assert ended.status == 0, ended.err
    assert bodies(pyfetch.directory / "data").keys() == {*urls}
    outcomes = [result["outcome"] for result in ended.results if result["url"] == url]
    assert outcomes == ["fetched", "skipped", "skipped"]
    if "--processes" not in options:  # each fills packs of its own
        number = len(packs(pyfetch.directory / "data"))
        assert number == (16 if "--pack-count" in options else 1)


def test_a_checksum_counts_for_a_url_that_came_before(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/a"] = lambda h: h.answer(200, b"%d" % len(server.asked))
    digest = hashlib.sha256(b"2").hexdigest()
    records = [{"url": f"{server.url}/a"}, {"url": f"{server.url}/a", "sha256": digest}] * 2
    ended = pyfetch("-", "-o", "data", *WEBDATASET, stdin="\n".join(map(json.dumps, records)))
    assert ended.status == 0, ended.err
    found = [bodies_of(pack) for pack in packs(pyfetch.directory / "data")]
    assert found == [{f"{server.url}/a": b"1"}, {f"{server.url}/a": b"2"}]


@pytest.mark.parametrize("order", [(), ("--pack-order", "input")])
def test_what_an_earlier_run_has_packed_is_asked_for_though_its_pack_was_open(
    pyfetch: Command,
    server: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[str, ...],
) -> None:
    """Also if its pack is full, and was put into another order, before its turn comes."""
    server.pages = {f"/{number}": Page(b"old %d" % number) for number in range(4)}
    urls = [f"{server.url}/{number}" for number in range(8)]
    arguments = ("-", "-w", "1", "-o", "data", *WEBDATASET, "--pack-count", "5", *order)
    monkeypatch.setattr(run, "ReadAhead", lambda: ReadAhead(1))
    stopped = pyfetch(*arguments, "--fail-fast", stdin="\n".join(urls))
    assert stopped.status == 1
    server.pages = {f"/{number}": Page(b"new %d" % number) for number in range(8)}
    ended = pyfetch(*arguments, stdin="\n".join(reversed(urls)))
    assert ended.status == 0, ended.err
    assert [row[0] for row in ended.rows] == ["200"] * 8


def test_a_key_that_another_url_has_got_is_in_a_later_pack(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {"/a": Page(b"a"), "/b": Page(b"b")}
    arguments = ("-", "-w", "1", "-o", "data", *WEBDATASET)

    def named(path: str, name: str) -> str:
        return json.dumps({"url": server.url + path, "out": name}) + "\n"

    stopped = pyfetch(*arguments, "--fail-fast", stdin=named("/a", "x.jpg") + named("/no", "y.jpg"))
    assert stopped.status == 1
    assert pyfetch(*arguments, stdin=named("/b", "x.jpg")).status == 0
    found = [bodies_of(pack) for pack in packs(pyfetch.directory / "data")]
    assert found == [{f"{server.url}/a": b"a"}, {f"{server.url}/b": b"b"}]


def test_readers_leave_no_sample_out_for_its_name(pyfetch: Command, server: LoopbackServer) -> None:
    """They leave out names that begin with `__…__/`, or are nothing but that."""
    paths = ["/___a__/b.x", "/______/b.x", "/__c.d__"]
    server.pages = {path: Page(path.encode()) for path in paths}
    urls = [server.url + path for path in paths]
    ended = pyfetch("-o", "data", *WEBDATASET, "--name", "{dir}/{name}", *urls)
    assert ended.status == 0, ended.err
    found = bodies(pyfetch.directory / "data")
    assert found == {server.url + path: path.encode() for path in paths}


def test_what_stands_where_the_file_beside_a_pack_is_to_be_stops_the_run(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """It is no failure of one URL, and it is told though all of these are there."""
    data = pyfetch.directory / "data"

    def appears(handler: Handler) -> None:
        (data / "000000.json").mkdir(exist_ok=True)
        handler.answer(200, b"a")

    server.routes["/a"] = appears
    server.pages = {"/0": Page(b"0"), "/1": Page(b"1")}
    urls = [f"{server.url}/{name}" for name in "0a1"]
    arguments = ("-w", "1", "-o", "data", *WEBDATASET, "--pack-count", "2", *urls)
    for _ in range(2):
        ended = pyfetch(*arguments)
        assert ended.status == 3
        assert "data/000000.tar: Is a directory (mend that and run the same" in ended.err
        assert not (data / "000000.tar").exists()
    (data / "000000.json").rmdir()
    server.routes["/a"] = lambda h: h.answer(200, b"a")
    assert pyfetch(*arguments).status == 0
    assert bodies(data) == dict(zip(urls, [b"0", b"a", b"1"], strict=True))


def test_files_and_packs_of_another_format_are_no_members(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Each run has all that it was asked for in its own form, though they share a directory."""
    server.pages = {"/a": Page(b"one", etag=None)}
    url = f"{server.url}/a"
    data = pyfetch.directory / "data"
    assert pyfetch("-o", "data", url).status == 0
    server.pages = {"/a": Page(b"two", etag=None)}  # as long, and of the same time
    arguments = ("-o", "data", "--format", "jsonl", url)
    assert pyfetch(*WEBDATASET, *arguments).results[0]["outcome"] == "fetched"
    assert pyfetch("--pack", "warc", *arguments).results[0]["outcome"] == "fetched"
    assert (data / "data-00001.warc.gz").exists()
    for form, state in ((WEBDATASET, []), (("--pack", "warc"), ["ok"])):
        ended = pyfetch("--verify", "-o", "data", *form)
        assert [row[0] for row in ended.rows] == state
    assert pyfetch(*arguments).results[0]["outcome"] == "fetched"
    assert (data / "a").read_bytes() == b"two"
