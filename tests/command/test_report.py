"""`--report` and `--report-from`: a page about a run."""

from __future__ import annotations

import itertools
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import LONGEST_WAIT, until


def rows_of(page: Path) -> list[list[Any]]:
    """The list of URLs that the page has."""
    found = re.search(r'id="rows">(.*?)</script>', page.read_text())
    assert found
    data = json.loads(found[1])
    rows: list[list[Any]] = []
    before: dict[int, str] = {}
    for number, origin, shared, rest, status, *others in data["rows"]:
        before[origin] = path = before.get(origin, "")[:shared] + rest
        rows.append([number, data["origins"][origin] + path, data["statuses"][status], *others])
    return rows


@pytest.fixture
def urls(server: LoopbackServer) -> list[str]:
    """Two pages, one that is busy at first, one that is missing."""
    answers = iter([503, 200])
    server.pages |= {"/a": Page(b"a" * 1000), "/b": Page(b"b")}
    server.routes["/busy"] = lambda handler: handler.answer(next(answers), b"busy")
    return [f"{server.url}/{name}" for name in ("a", "b", "busy", "missing")]


def test_a_report_has_each_url_and_says_what_failed(
    pyfetch: Command, server: LoopbackServer, urls: list[str]
) -> None:
    ended = pyfetch(*urls, "--discard", "--retry-wait", "0", "--report", "report.html")
    assert ended.status == 1
    page = pyfetch.directory / "report.html"
    assert [row[1:3] for row in rows_of(page)] == [
        [urls[0], "fetched 200"],
        [urls[1], "fetched 200"],
        [urls[2], "fetched 200"],
        [urls[3], "http 404"],
    ]
    text = page.read_text()
    assert "✗ http 404" in text
    assert "<b>1</b> retries" in text
    assert f"127.0.0.1:{server.server_port}: http 503, next try" in text
    assert "What held the run back" in text


def test_a_report_needs_no_network_and_is_for_its_owner(pyfetch: Command, urls: list[str]) -> None:
    pyfetch(*urls[:2], "--discard", "--report", "report.html")
    page = pyfetch.directory / "report.html"
    assert page.stat().st_mode & 0o777 == 0o600
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page.read_text())


def test_a_report_can_be_made_later_from_results(pyfetch: Command, urls: list[str]) -> None:
    results = pyfetch(*urls, "--discard", "--retry-wait", "0", "--format", "jsonl").out
    (pyfetch.directory / "results.jsonl").write_text(results)
    assert pyfetch("--report-from", "results.jsonl", "report.html").status == 0
    rows = rows_of(pyfetch.directory / "report.html")
    assert [row[1] for row in rows] == urls


def test_results_say_how_long_what_took(pyfetch: Command, urls: list[str]) -> None:
    results = pyfetch(*urls, "--discard", "--retry-wait", "0", "--format", "jsonl", "-w", "1").out
    first, second, busy, missing = (json.loads(line)["timing"] for line in results.splitlines())
    assert first["connections"] == 1
    assert first["connect"] >= 0
    assert (second["connections"], second["connect"], second["dns"]) == (0, None, None)
    assert first["tls"] is None
    assert first["first_byte"] + first["body"] <= first["attempts"][0]["seconds"] + 0.001
    assert [one["status"] for one in busy["attempts"]] == [503, 200]
    assert [one["code"] for one in busy["attempts"]] == ["http", None]
    assert busy["attempts"][0]["wait"] >= 0
    assert busy["attempts"][1]["wait"] is None
    assert missing["attempts"][-1]["code"] == "http"
    assert first["queued"] <= second["queued"] <= missing["queued"]


def test_a_run_that_is_interrupted_has_a_report_too(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"a")
    server.routes["/slow"] = Handler.stall
    arguments = [f"{server.url}/a", f"{server.url}/slow", "--report", "report.html"]
    process = forked.popen(*arguments, "--discard")
    with process:
        until(lambda: len(server.asked) == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(LONGEST_WAIT) == 130
    page = forked.directory / "report.html"
    assert "<strong>Interrupted:</strong>" in page.read_text()
    assert len(rows_of(page)) == 2


def test_nothing_of_a_list_becomes_code_in_the_page(
    pyfetch: Command, server: LoopbackServer
) -> None:
    nasty = f"{server.url}/</script><script>alert(1)</script>?a=<b>&c='\""
    (pyfetch.directory / "list").write_text(nasty + "\n")
    pyfetch("list", "--discard", "--report", "report.html")
    text = (pyfetch.directory / "report.html").read_text()
    assert "<script>alert" not in text
    assert "<b>&c" not in text


def test_no_secret_is_in_the_page(pyfetch: Command, server: LoopbackServer) -> None:
    host = server.url.removeprefix("http://")
    pyfetch(f"http://me:s3cret@{host}/x?X-Amz-Signature=s3cret", "--discard", "--report", "r.html")
    assert "s3cret" not in (pyfetch.directory / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report-from", "none.jsonl", "out.html"], "cannot read none.jsonl"),
        (["--report-from", "bad.jsonl", "out.html"], "bad.jsonl, line 2: no result"),
        (["--report-from", "empty", "out.html"], "empty: there are no results in it"),
        (["--report-from", "bad.jsonl"], "needs one file to write"),
        (["--report-from", "bad.jsonl", "a", "b"], "needs one file to write"),
        (["--report", "x", "--failed-to", "./x", "http://h/"], "x is named for two reports"),
    ],
)
def test_what_cannot_be_made_is_said(pyfetch: Command, arguments: list[str], message: str) -> None:
    result = '{"index": 1, "url": "http://h/", "outcome": "fetched"}\n'
    (pyfetch.directory / "bad.jsonl").write_text(result + "5\n")
    (pyfetch.directory / "empty").touch()
    ended = pyfetch(*arguments)
    assert ended.status == 2
    assert message in ended.err
    assert not (pyfetch.directory / "out.html").exists()


@pytest.mark.slow
def test_a_report_over_processes_has_each_url_and_its_times(
    forked: InstalledCommand, server: LoopbackServer, urls: list[str]
) -> None:
    answers = itertools.count()
    server.routes["/busy"] = lambda handler: handler.answer(200 if next(answers) else 503)
    all_urls = [*urls, *(f"{urls[0]}?{number}" for number in range(40))]
    options = ("--discard", "--processes", "2", "--report", "report.html", "--retry-wait", "0")
    assert forked(*all_urls, *options).status == 1
    page = forked.directory / "report.html"
    rows = rows_of(page)
    assert [row[1] for row in rows] == all_urls
    assert all(began is not None for *_, began in rows)
    text = page.read_text()
    assert "<b>1</b> retries" in text
    connections = re.findall(r'data-value="(\d+)">\1</td></tr>', text)
    assert [int(number) for number in connections] == [server.connections]


@pytest.mark.parametrize("options", [(), ("--processes", "2")], ids=["alone", "two processes"])
@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_torn_page(
    forked: InstalledCommand, server: LoopbackServer, options: tuple[str, ...]
) -> None:
    """The report of the run before stays as it is, whole."""
    server.pages["/a"] = Page(b"a")
    server.routes["/slow"] = Handler.stall
    assert forked(f"{server.url}/a", "--discard", "--report", "report.html").status == 0
    page = forked.directory / "report.html"
    before = page.read_bytes()
    urls = [f"{server.url}/a?{number}" for number in range(50)]
    arguments = [*urls, f"{server.url}/slow", "--discard", "--report", "report.html"]
    with forked.popen(*arguments, *options) as process:
        until(lambda: "/slow" in server.paths())
        process.kill()
        process.wait(LONGEST_WAIT)
    assert page.read_bytes() == before
    assert before.rstrip().endswith(b"</html>")


@pytest.mark.parametrize("option", ["--checksums", "--failed-to", "--report"])
def test_a_report_may_be_in_the_output_directory_of_a_first_run(
    pyfetch: Command, server: LoopbackServer, option: str
) -> None:
    server.pages["/a"] = Page(b"a")
    ended = pyfetch(f"{server.url}/a", "-o", "data", option, "data/report")
    assert (ended.status, ended.err.count("cannot")) == (0, 0)
    assert (pyfetch.directory / "data" / "report").is_file()
