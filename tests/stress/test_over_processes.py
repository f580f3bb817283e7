"""Over several processes, what the tests of the command try once."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.command import COMMAND, Command
from tests.support.server import LoopbackServer, Page


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_run_with_a_closed_standard_stream_ends_as_any_other(
    pyfetch: Command, server: LoopbackServer, closed: str
) -> None:
    """The connection to no process gets its number."""
    server.pages["/a"] = Page(b"a")
    ended = subprocess.run(
        ["sh", "-c", f'exec "{COMMAND}" --processes 2 "$@" {closed}', "sh", f"{server.url}/a"],
        cwd=pyfetch.directory, env=pyfetch.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stdout + ended.stderr
    assert (pyfetch.directory / "a").read_bytes() == b"a"
