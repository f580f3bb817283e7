"""A part that an earlier run has left is read again as rarely as can be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfetch import Result, fetch_all
from pyfetch.engine import receiver
from pyfetch.storage.part import Part
from tests.support.server import Handler, LoopbackServer

BODY = os.urandom(300_000)
HALF = 100_000


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of the part, for each time that it was read."""
    lengths: list[int] = []
    blocks = Part.blocks

    def counted(part: Part) -> Iterator[bytes]:
        lengths.append(part.length)
        return blocks(part)

    monkeypatch.setattr(Part, "blocks", counted)
    return lengths


@pytest.fixture
def other() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


def fetch(server: LoopbackServer, directory: Path) -> Result:
    (result,) = fetch_all([f"{server.url}/x"], output_dir=directory, retries=0)
    return result


def half(handler: Handler) -> None:
    handler.head(200, Content_Length=str(len(BODY)), ETag='"v1"')
    handler.send(BODY[:HALF])
    handler.cut()


def rest(handler: Handler) -> None:
    content_range = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
    handler.answer(206, BODY[HALF:], Content_Range=content_range, ETag='"v1"')


@pytest.mark.parametrize("hashed_late", [receiver.HASHED_LATE, 0], ids=["late", "early"])
def test_a_part_is_hashed_once_however_many_redirects_lead_to_its_rest(
    server: LoopbackServer,
    other: LoopbackServer,
    tmp_path: Path,
    reads: list[int],
    monkeypatch: pytest.MonkeyPatch,
    hashed_late: int,
) -> None:
    monkeypatch.setattr(receiver, "HASHED_LATE", hashed_late)
    server.routes["/x"] = lambda h: h.answer(302, b"", Location=f"{other.url}/y")
    other.routes["/y"] = lambda h: h.answer(302, b"", Location=f"{server.url}/z")
    server.routes["/z"] = half
    assert fetch(server, tmp_path).failed
    server.routes["/z"] = rest
    result = fetch(server, tmp_path)
    assert (result.detail, result.size) == (None, len(BODY))
    assert (tmp_path / "x").read_bytes() == BODY
    assert reads == [HALF]


def test_a_part_is_not_hashed_where_its_rest_does_not_come(
    server: LoopbackServer, tmp_path: Path, reads: list[int]
) -> None:
    server.routes["/x"] = half
    assert fetch(server, tmp_path).failed
    server.routes["/x"] = lambda h: h.answer(200, BODY)
    assert fetch(server, tmp_path).size == len(BODY)
    assert reads == []
