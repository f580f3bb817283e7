"""A rerun asks whether what is there has changed, and fetches only that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.server import JUST_BEFORE_NOW, Handler, LoopbackServer, Page


def conditions(server: LoopbackServer) -> list[tuple[str | None, str | None]]:
    return [
        (asked.headers.get("If-None-Match"), asked.headers.get("If-Modified-Since"))
        for asked in server.asked
    ]


def fingerprint(directory: Path) -> dict[str, tuple[int, int]]:
    """Name → inode and modification time of the files of a directory."""
    found = {}
    for path in directory.iterdir():
        if path.is_file():
            status = path.stat()
            found[path.name] = (status.st_ino, status.st_mtime_ns)
    return found


def test_a_file_that_has_not_changed_is_asked_for_and_stays(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"content", etag='"v1"')
    pyfetch(f"{server.url}/x")
    before = fingerprint(pyfetch.directory)
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert (result["outcome"], result["status"], result["size"]) == ("unchanged", 304, 7)
    assert result["etag"] == '"v1"'
    assert len(result["sha256"]) == 64
    assert result["path"] == "x"
    assert conditions(server)[1] == ('"v1"', "Tue, 14 Nov 2023 22:13:20 GMT")
    assert fingerprint(pyfetch.directory) == before


def test_a_file_that_has_changed_is_replaced(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"older")
    pyfetch(f"{server.url}/x")
    server.pages["/x"] = Page(b"newer")
    assert pyfetch("--format", "jsonl", f"{server.url}/x").results[0]["outcome"] == "fetched"
    assert (pyfetch.directory / "x").read_bytes() == b"newer"


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_was_altered_on_disk_is_fetched_anew(
    pyfetch: Command, server: LoopbackServer, change: str
) -> None:
    server.pages["/x"] = Page(b"content")
    pyfetch(f"{server.url}/x")
    file = pyfetch.directory / "x"
    if change == "size":
        file.write_bytes(b"mine")
        os.utime(file, (JUST_BEFORE_NOW, JUST_BEFORE_NOW))
    else:
        file.write_bytes(b"CONTENT")
    assert pyfetch(f"{server.url}/x").rows[0][0] == "200"
    assert file.read_bytes() == b"content"
    assert conditions(server)[1] == (None, None)


def test_a_file_that_was_removed_is_fetched_anew(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"content")
    pyfetch(f"{server.url}/x")
    (pyfetch.directory / "x").unlink()
    assert pyfetch(f"{server.url}/x").rows[0][0] == "200"
    assert (pyfetch.directory / "x").read_bytes() == b"content"


def test_a_file_that_somebody_else_put_there_is_fetched_anew(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"content")
    file = pyfetch.directory / "x"
    file.write_bytes(b"foreign")
    os.utime(file, (JUST_BEFORE_NOW + 10, JUST_BEFORE_NOW + 10))
    assert pyfetch(f"{server.url}/x").rows[0][0] == "200"
    assert file.read_bytes() == b"content"
    assert conditions(server) == [(None, None)]


def killed_while_it_asks(forked: InstalledCommand, server: LoopbackServer, path: str) -> None:
    """The name is given to the URL and free, and the run ends without another word."""
    server.routes[path] = Handler.stall
    run = forked.start(f"{server.url}{path}")
    while path not in server.paths():
        assert run.poll() is None
    run.kill()
    run.communicate()
    del server.routes[path]


def test_a_file_of_a_killed_run_that_was_not_noted_is_asked_for_by_its_time(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"content")
    killed_while_it_asks(forked, server, "/x")
    file = pyfetch.directory / "x"
    file.write_bytes(b"content")
    os.utime(file, (JUST_BEFORE_NOW, JUST_BEFORE_NOW))
    assert pyfetch(f"{server.url}/x").rows[0][0] == "304"
    assert conditions(server)[1] == (None, "Tue, 14 Nov 2023 22:13:20 GMT")
    # From then on it is noted.
    pyfetch("--if-exists", "refresh", f"{server.url}/x")
    assert conditions(server)[2] == (None, "Tue, 14 Nov 2023 22:13:20 GMT")


def test_a_file_that_somebody_put_there_after_a_failure_is_fetched_anew(
    pyfetch: Command, server: LoopbackServer
) -> None:
    pyfetch(f"{server.url}/x")  # 404
    file = pyfetch.directory / "x"
    file.write_bytes(b"foreign")
    os.utime(file, (JUST_BEFORE_NOW + 10, JUST_BEFORE_NOW + 10))
    server.pages["/x"] = Page(b"content")
    assert pyfetch(f"{server.url}/x").rows[0][0] == "200"
    assert file.read_bytes() == b"content"


def test_validators_speak_of_the_url_that_answered_and_of_no_other(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages |= {"/v1": Page(b"one", etag='"1"'), "/v2": Page(b"two", etag='"1"')}
    server.routes["/latest"] = lambda h: h.answer(302, b"", Location="/v1")
    pyfetch(f"{server.url}/latest")
    server.routes["/latest"] = lambda h: h.answer(302, b"", Location="/v2")
    assert pyfetch(f"{server.url}/latest").rows[0][0] == "200"
    assert (pyfetch.directory / "latest").read_bytes() == b"two"
    assert pyfetch(f"{server.url}/latest").rows[0][0] == "304"


def test_a_server_that_does_not_like_conditions_is_asked_without(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def picky(handler: Handler) -> None:
        conditional = "If-None-Match" in handler.headers
        handler.answer(412 if conditional else 200, b"content", ETag='"1"')

    server.routes["/x"] = picky
    assert [pyfetch(f"{server.url}/x").rows[0][0] for _ in range(2)] == ["200", "200"]


@pytest.mark.parametrize("policy", ["skip", "refresh", "fail", "replace"])
def test_a_link_that_leads_nowhere_is_no_file(
    pyfetch: Command, server: LoopbackServer, policy: str
) -> None:
    server.pages |= {"/x": Page(b"x"), "/y": Page(b"y")}
    (pyfetch.directory / "x").symlink_to("/nonexistent/place")
    ended = pyfetch("--if-exists", policy, f"{server.url}/x", f"{server.url}/y")
    assert (ended.status, [row[0] for row in ended.rows]) == (0, ["200", "200"])
    assert not (pyfetch.directory / "x").is_symlink()


def test_a_link_to_a_fifo_is_never_opened(pyfetch: Command, server: LoopbackServer) -> None:
    os.mkfifo(pyfetch.directory / "fifo")
    (pyfetch.directory / "x").symlink_to("fifo")
    assert pyfetch(f"{server.url}/x#sha256={'0' * 64}").rows[0][4] == "exists"


def test_without_state_a_file_is_refreshed_by_its_time_alone(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages |= {"/x": Page(b"content"), "/untimed": Page(b"content", modified=None)}
    urls = [f"{server.url}/x", f"{server.url}/untimed"]
    assert [row[0] for row in pyfetch("--no-state", *urls).rows] == ["200", "200"]
    assert [row[0] for row in pyfetch("--no-state", *urls).rows] == ["304", "200"]
    assert sorted(conditions(server)[2:], key=str) == sorted(
        [(None, "Tue, 14 Nov 2023 22:13:20 GMT"), (None, None)], key=str
    )
    assert not (pyfetch.directory / ".pyfetch").exists()


def test_a_last_modified_in_the_future_is_no_reason_to_keep_a_file(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"one", modified=4_000_000_000.0, etag=None)
    pyfetch(f"{server.url}/x")
    assert (pyfetch.directory / "x").stat().st_mtime < 4_000_000_000
    server.pages["/x"] = Page(b"two", modified=4_000_000_000.0, etag=None)
    pyfetch(f"{server.url}/x")
    assert (pyfetch.directory / "x").read_bytes() == b"two"
    assert conditions(server) == [(None, None)] * 2


def test_a_304_that_was_not_asked_for_is_no_content(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.head(304)
    ended = pyfetch(f"{server.url}/x")
    assert ended.rows[0][4] == "wrong-content"
    assert not (pyfetch.directory / "x").exists()


def test_a_failure_leaves_what_is_known_of_the_file_as_it_was(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"content", etag='"v1"')
    pyfetch(f"{server.url}/x")
    server.routes["/x"] = lambda h: h.answer(500)
    assert pyfetch("--retries", "0", f"{server.url}/x").status == 1
    del server.routes["/x"]
    assert pyfetch(f"{server.url}/x").rows[0][0] == "304"


def test_a_url_that_stands_twice_in_a_list_is_asked_for_once_and_then_whether_it_changed(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"content", etag='"v1"')
    ended = pyfetch(f"{server.url}/x", f"{server.url}/x")
    assert [row[0] for row in ended.rows] == ["200", "304"]


class TestManyFiles:
    NUMBER = 300

    @pytest.fixture
    def urls(self, server: LoopbackServer) -> str:
        server.pages |= {f"/f{i}": Page(b"%d" % i) for i in range(self.NUMBER)}
        return "\n".join(f"{server.url}/f{i}" for i in range(self.NUMBER))

    @pytest.mark.slow
    def test_a_rerun_asks_nothing_or_only_whether_something_changed(
        self, pyfetch: Command, server: LoopbackServer, urls: str
    ) -> None:
        assert pyfetch("-o", "d", stdin=urls).status == 0
        before = fingerprint(pyfetch.directory / "d")
        assert len(before) == self.NUMBER
        sent = server.sent
        server.asked.clear()

        skipped = pyfetch("-o", "d", "--if-exists", "skip", stdin=urls)
        assert (skipped.status, len(skipped.rows)) == (0, self.NUMBER)
        assert server.asked == []

        refreshed = pyfetch("-o", "d", stdin=urls)
        assert {row[0] for row in refreshed.rows} == {"304"}
        assert len(server.asked) == self.NUMBER
        assert all(etag and since for etag, since in conditions(server))
        assert server.sent == sent
        assert fingerprint(pyfetch.directory / "d") == before


def test_an_error_page_never_takes_the_place_of_a_file(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def login(handler: Handler) -> None:
        handler.answer(401, b"<h1>who are you?</h1>")

    server.pages["/x"] = Page(b"content")
    pyfetch(f"{server.url}/x")
    server.routes["/x"] = login
    assert pyfetch(f"{server.url}/x").status == 1
    assert (pyfetch.directory / "x").read_bytes() == b"content"


def test_names_of_fields_are_read_in_any_case(pyfetch: Command, server: LoopbackServer) -> None:
    """As those write them that speak a later HTTP on their other side."""
    server.routes["/x"] = lambda handler: handler.answer(
        200, b"content", **{"etag": '"v1"', "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
    )
    pyfetch(f"{server.url}/x")
    pyfetch(f"{server.url}/x")
    assert conditions(server)[1] == ('"v1"', "Tue, 14 Nov 2023 22:13:20 GMT")
    assert (pyfetch.directory / "x").stat().st_mtime == JUST_BEFORE_NOW
