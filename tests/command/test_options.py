"""Options that go together, or do not."""

from __future__ import annotations

import pytest

from tests.support.command import Command
from tests.support.server import LoopbackServer


@pytest.mark.parametrize("none", ["0", "0%"])
def test_no_allowed_failures_do_not_contradict_fail_fast(
    pyfetch: Command, server: LoopbackServer, none: str
) -> None:
    ended = pyfetch("--discard", "--fail-fast", "--allow-failures", none, f"{server.url}/gone")
    assert ended.status == 1
    assert len(ended.rows) == 1
