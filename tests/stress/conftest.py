"""What several tests of runs on Dask begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.dask_commands import DaskCommands, dask_commands
from tests.support.server import LoopbackServer, Page


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCommands]:
    """A scheduler without workers."""
    with dask_commands(tmp_path_factory.mktemp("dask"), threads=()) as cluster:
        yield cluster


@pytest.fixture
def ten(server: LoopbackServer) -> list[str]:
    """The URLs of ten files."""
    for number in range(10):
        server.pages[f"/{number}"] = Page(f"file {number}".encode())
    return [f"{server.url}/{number}" for number in range(10)]
