"""Which record has a body already: by what the state says, and by what was written since."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from pyfetch.facts import FileFacts
from pyfetch.storage.packs.pack_format import StoredMember
from pyfetch.storage.packs.payloads import KnownPayload, Payloads
from pyfetch.storage.state import STATE_FILE, State

DATE = "2026-11-26T22:45:00.000001Z"
PLACE = KnownPayload("S" * 32, DATE, "x-00000.warc.gz", 100, 50, "http://h/a|b?c=|")


def member(payload: KnownPayload, pack: str = "x-00001.warc.gz") -> StoredMember:
    return StoredMember(pack, 900, 1200, 1000, 70, 3, payload.text(), "a")


def own(sha1: str, url: str = "http://h/own") -> KnownPayload:
    """What is noted of a record that has its body itself."""
    return KnownPayload(sha1, DATE, "", 0, 0, url)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    file = tmp_path / STATE_FILE
    texts = [
        member(own("A" * 32)).text(),
        member(PLACE).text(),
        "an ETag",
        member(own("A" * 32))._replace(note="of something else").text(),
        member(own("A" * 32))._replace(note="B|C|d|-1|x|http://h/").text(),
    ]
    with closing(State(file)) as made:
        for number, text in enumerate(texts):
            made.claim(f"{number}", f"http://h/{number}", lambda: True)
            made.record(f"{number}", 200, FileFacts(5, 1, stored=text))
        made.commit()
    return file


def test_a_body_is_known_by_the_state_and_by_what_was_written(state: Path) -> None:
    payloads = Payloads(state, lambda _: True)
    found = payloads.find("A" * 32)
    assert found == KnownPayload("A" * 32, DATE, "x-00001.warc.gz", 1000, 70, "http://h/own")
    assert payloads.find("S" * 32) == PLACE, "also if the state knows only what refers to it"
    assert payloads.find("N" * 32) is None
    payloads.add(member(own("N" * 32)))
    found = payloads.find("N" * 32)
    assert found
    assert found.member().offset == 1000
    assert found.member().end == 1070


def test_a_record_that_is_gone_is_not_known(state: Path) -> None:
    asked = []

    def is_there(member: StoredMember) -> bool:
        asked.append((member.pack, member.end))
        return member.pack == "x-00001.warc.gz"

    payloads = Payloads(state, is_there)
    assert payloads.find("S" * 32) is None
    assert payloads.find("A" * 32)
    assert asked == [("x-00000.warc.gz", 150), ("x-00001.warc.gz", 1070)]


def test_without_a_state_nothing_is_known_but_what_was_written(tmp_path: Path) -> None:
    payloads = Payloads(tmp_path / STATE_FILE, lambda _: True)
    assert payloads.find("A" * 32) is None
    payloads.add(member(own("A" * 32)))
    assert payloads.find("A" * 32)
