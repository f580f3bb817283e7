"""What the tests of the command try once, and over one process or over several."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.command import COMMAND, Command, InstalledCommand
from tests.support.server import LoopbackServer, Page


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_run_with_a_closed_standard_stream_ends_as_any_other(
    pyfetch: Command, server: LoopbackServer, closed: str, processes: str
) -> None:
    """No file, and no connection to a server or a process, gets its number."""
    server.pages["/a"] = Page(b"a")
    script = f'exec "{COMMAND}" --processes {processes} "$@" {closed}'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", f"{server.url}/a"],
        cwd=pyfetch.directory, env=pyfetch.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stdout + ended.stderr
    assert (pyfetch.directory / "a").read_bytes() == b"a"


@pytest.mark.parametrize("coding", ["br, gzip", "X-Gzip"])
def test_a_body_that_is_coded_unasked_is_said_once_however_its_coding_is_spelled(
    forked: InstalledCommand, server: LoopbackServer, coding: str
) -> None:
    for number in range(8):
        server.routes[f"/{number}"] = lambda h: h.answer(200, b"?", Content_Encoding=coding)
    urls = [f"{server.url}/{number}" for number in range(8)]
    ended = forked("--format", "jsonl", "--processes", "2", *urls)
    assert {one["content_encoding"] for one in ended.results} == {coding}
    assert ended.err.count(f"Content-Encoding: {coding}") == 1


def test_one_request_at_once_to_a_host_is_one_over_all_processes(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    """They take turns: what cannot be divided belongs to one of them at a time."""
    server.pages["/x"] = Page(b"x")
    urls = [f"{server.url}/x?{number}" for number in range(100)]
    ended = forked("--processes", "2", "--per-host", "1", "--workers", "8", "--discard", *urls)
    assert ended.status == 0
    assert server.most_at_once == 1
