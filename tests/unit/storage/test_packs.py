"""Packs: headers of tar files, what a full disk leaves, and what the state knows of open ones."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.attempt import Finished
from pyfetch.errors import StoppedError
from pyfetch.facts import FileFacts
from pyfetch.models import Failure, Outcome, Result, Target
from pyfetch.settings import Pack, Settings
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.file_ledger import FileLedger
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.packs.pack_format import PackedMember, StoredMember
from pyfetch.storage.packs.pack_numbers import PackNumbers
from pyfetch.storage.packs.pack_source import GivenPack
from pyfetch.storage.packs.pack_store import PackStore
from pyfetch.storage.packs.packs import Packs
from pyfetch.storage.packs.tar import END, header
from pyfetch.storage.state import State
from pyfetch.urls import parse_url
from tests.support.cases import cases
from tests.support.measuring import takes_linear_time
from tests.support.waiting import LONGEST_WAIT

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300).filter(
    lambda name: not name.endswith("/")
)


@given(NAMES, st.integers(0, 5000), st.integers(0, 8**11 - 1))
@example("n" * 99, 0, 0)
@example("n" * 100, 1, 1)
@example("ü" * 60, 512, 1)
def test_any_name_is_read_back_by_tarfile(name: str, size: int, modified: int) -> None:
    content = bytes(size)
    written = header(name, size, modified) + content + bytes(-size % 512) + END
    with tarfile.open(fileobj=io.BytesIO(written)) as tar:
        (member,) = tar.getmembers()
        assert (member.name, member.size, member.mtime) == (name, size, modified)
        assert member.isreg()


def test_a_size_that_octal_digits_cannot_say_is_in_a_header_of_its_own() -> None:
    size = 9 * 2**30
    with tarfile.open(fileobj=io.BytesIO(header("large", size, 0)), ignore_zeros=False) as tar:
        member = tar.next()
        assert member
        assert (member.name, member.size) == ("large", size)


@given(st.integers(0), st.integers(0), NAMES.filter(lambda name: "\t" not in name))
def test_where_a_member_is_is_a_text(start: int, index: int, name: str) -> None:
    member = StoredMember("000000.tar", start, start + 9, start + 1, 5, index, "", name)
    assert StoredMember.of(member.text()) == member


@pytest.mark.parametrize("text", [None, "", "an-etag", "a\tb\tc\td\te\tf\tg\th"])
def test_what_another_store_has_noted_is_no_member(text: str | None) -> None:
    assert StoredMember.of(text) is None


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[OutputDirectory]:
    prepare(tmp_path)
    (tmp_path / ".pyfetch" / "parts").mkdir()
    directory = OutputDirectory(tmp_path)
    yield directory
    directory.close()


SETTINGS = Settings(pack=Pack.WEBDATASET)


def member(name: str) -> PackedMember:
    content = name.encode() * 10
    pieces = [header(name, len(content), 0), content, bytes(-len(content) % 512)]
    return PackedMember(name, pieces, sum(map(len, pieces)), 512, len(content))


def packs_of(store: PackStore, state: State) -> Packs:
    packs = Packs(store, state, in_order=False, list_file=None)
    packs.give_to(store.writer)
    return packs


@contextmanager
def opened_packs(
    directory: OutputDirectory, place: Path, pack_count: int | None = SETTINGS.pack_count
) -> Iterator[tuple[Packs, State, PackStore]]:
    """What a run into packs has, with its state in `place`."""
    store = PackStore.of(replace(SETTINGS, pack_count=pack_count), directory)
    with closing(State(place / "state")) as state, closing(store):
        yield packs_of(store, state), state, store


def note(packs: Packs, state: State, stored: StoredMember) -> None:
    state.claim(stored.name, f"http://host/{stored.name}", lambda: False)
    facts = FileFacts(stored.length, 1, stored=stored.text())
    for file in packs.noted(stored.target_index, stored.name, 200, facts):
        state.record(*file)


def test_a_write_that_fails_is_cut_back(
    directory: OutputDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was written of it."""
    store = PackStore.of(SETTINGS, directory)
    pwritev = os.pwritev

    def full(descriptor: int, buffers: list[bytes], at: int) -> int:
        pwritev(descriptor, [b"half of it"], at)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        closing(State(tmp_path / "state")) as state,
        closing(store),
        closing(packs_of(store, state)),
    ):
        store.writer.append(member("a"), 1)
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwritev", full)
            with pytest.raises(OSError, match="No space left"):
                store.writer.append(member("b"), 2)
        opened = tmp_path / ".pyfetch" / "packs" / "000000.tar"
        assert opened.stat().st_size == 1024
        assert store.writer.append(member("c"), 3).start == 1024
        with tarfile.open(opened) as tar:
            assert tar.getnames() == ["a", "c"]


def test_the_state_knows_no_member_behind_one_that_it_does_not_know(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    """Else a run that is killed then would leave one that is fetched, and packed, again."""
    with opened_packs(directory, tmp_path) as (packs, state, store):
        first, second, third = (store.writer.append(member(name), ord(name)) for name in "abc")
        note(packs, state, second)
        assert not list(state.packed().all())
        note(packs, state, first)
        assert [row.member for row in state.packed().all()] == [first, second]
        assert third.start == second.end
        state.commit()
        # The process is killed here. The next one goes on behind what is known.
        packs = packs_of(store, state)
        assert packs.take().length == second.end
        assert (tmp_path / ".pyfetch" / "packs" / "000000.tar").stat().st_size == second.end


def test_a_url_that_comes_again_finds_what_is_not_recorded_yet(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    """Else it would be packed twice. Nor is it recorded before what was packed before it."""
    with opened_packs(directory, tmp_path) as (packs, state, store):
        ledger = FileLedger(
            Settings(pack=Pack.WEBDATASET, output_dir=str(tmp_path)), state, lasting=True,
            store=store, packs=packs,
        )  # fmt: skip
        urls = ["http://host/a", "http://host/b", "http://host/b"]
        targets = [ledger.named(Target(index, parse_url(url))) for index, url in enumerate(urls)]
        stored = [store.writer.append(member(name), index) for index, name in enumerate("ab")]
        facts = [FileFacts(one.length, 1, stored=one.text()) for one in stored]

        def finished(index: int, of: FileFacts) -> None:
            result = Result(index, urls[index], Outcome.FETCHED, status=200)
            ledger.finished(targets[index], Finished(result, facts=of))

        finished(1, facts[1])
        again = ledger.starting(targets[2])
        assert again.known.facts == facts[1]
        later = ledger.named(Target(3, parse_url(urls[1])))
        assert later.known.facts == facts[1]
        finished(2, facts[1])
        assert [*state.packed().all()] == []
        finished(0, facts[0])
        assert [row.member for row in state.packed().all()] == stored


def test_what_is_noted_takes_linear_time_however_much_is_held_back(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    """As where the first file of a pack is computed for an hour, and URLs come again meanwhile."""
    with opened_packs(directory, tmp_path) as (packs, _, store):
        packed = store.writer.appended
        assert packed

        def facts_of(index: int) -> FileFacts:
            stored = StoredMember("0.tar", index, index, 0, 1, index, "", "a")
            return FileFacts(1, 1, stored=stored.text())

        def note_all(size: int) -> None:
            for index in range(size):
                packed(index)
            for index in range(1, size):
                assert not packs.noted(index, str(index), 200, facts_of(index))
                assert packs.deferred_facts(str(index)) == facts_of(index)
                assert not packs.noted(size + index, str(index), 200, facts_of(index))  # again
            recorded = packs.noted(0, "0", 200, facts_of(0))
            assert [int(file.path) for file in recorded] == [
                0, *(index for index in range(1, size) for _ in "12"),
            ]  # fmt: skip
            assert packs.deferred_facts("1") is None

        assert takes_linear_time(note_all, 2_000)


def test_threads_that_begin_packs_together_get_different_ones(directory: OutputDirectory) -> None:
    """What puts full packs into the order of the list makes some while others are filled."""
    with closing(PackStore.of(SETTINGS, directory)) as store:
        numbers = PackNumbers(store)
        with ThreadPoolExecutor(8) as pool:
            names = list(pool.map(lambda _: numbers.claimed(), range(80)))
    assert sorted(names) == [f"{number:06}.tar" for number in range(80)]


def test_a_pack_that_cannot_be_sealed_is_told_again_and_again(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    """Until the run has ended: somebody may have passed over what was told first."""
    with opened_packs(directory, tmp_path, pack_count=1) as (packs, state, store):
        for name in "ab":
            note(packs, state, store.writer.append(member(name), ord(name)))
        (tmp_path / "000000.json").mkdir()
        with suppress(StoppedError):  # it may have been tried before this returns
            packs.committed()
        until = time.monotonic() + LONGEST_WAIT
        while not (tmp_path / "000001.tar").exists():  # it is sealed behind the other one
            assert time.monotonic() < until
            time.sleep(0.005)
        for told in (packs.committed, packs.committed, lambda: packs.finish(seals=True)):
            with pytest.raises(StoppedError, match=r"000000.tar: Is a directory \(mend that"):
                told()


def test_what_has_the_same_name_as_another_member_goes_into_a_later_pack(
    directory: OutputDirectory,
) -> None:
    """Later, and not just another one: of that, there may be an older version in this one."""
    source = Numbered()
    with closing(PackStore.of(SETTINGS, directory)) as store:
        store.writer.source = source
        for number in range(3):
            store.open_packs.create(f"{number:06}.tar")
        first = store.writer.append(member("a"), 1)
        second = store.writer.append(member("a"), 2, behind=first.pack)
        other = store.writer.append(member("b"), 3, behind=first.pack)
        third = store.writer.append(member("a"), 4, behind=second.pack)
    packs = [stored.pack for stored in (first, second, other, third)]
    assert packs == ["000000.tar", "000001.tar", "000001.tar", "000002.tar"]
    assert source.ended == ["000000.tar", "000001.tar"]


class Numbered:
    """A source of empty packs."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def take(self) -> GivenPack:
        return GivenPack(f"{len(self.ended):06}.tar", 0, 0)

    def full(self, name: str, length: int, members: int) -> None:
        self.ended.append(name)

    def left(self, name: str, length: int) -> None:
        raise AssertionError(name)


def test_the_end_of_a_pack_is_written_whole_or_the_pack_is_not_sealed(
    directory: OutputDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system may write half of what it was given: where a disk or a quota ends, it does."""
    pwritev = os.pwritev

    def half(descriptor: int, buffers: list[bytes], at: int) -> int:
        if at % 1024:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwritev(descriptor, [b"".join(buffers)[:512]], at)

    with opened_packs(directory, tmp_path) as (packs, state, store):
        note(packs, state, store.writer.append(member("a"), 1))
        store.writer.close()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwritev", half)
            with pytest.raises(StoppedError, match="No space left"):
                packs.finish(seals=True)
        assert not (tmp_path / "000000.tar").exists()


def test_a_pack_is_sealed_when_the_state_on_disk_knows_all_its_members(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    with opened_packs(directory, tmp_path, pack_count=2) as (packs, state, store):
        first, second = (store.writer.append(member(name), ord(name)) for name in "ab")
        note(packs, state, first)
        note(packs, state, first)  # the same URL came again
        packs.committed()
        packs.finish(seals=False)
        assert not (tmp_path / "000000.tar").exists()
        note(packs, state, second)
        state.commit()
        packs = packs_of(store, state)
        packs.committed()
        packs.finish(seals=False)
        assert (tmp_path / "000000.tar").exists()


def test_what_is_in_a_later_pack_is_recorded_once_all_of_the_earlier_ones_is(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    """Else a record could refer to one that is cut off when the run is killed."""
    store = PackStore.of(Settings(pack=Pack.WEBDATASET, pack_count=1), directory)
    with closing(State(tmp_path / "state")) as state, closing(packs_of(store, state)) as packs:
        first, second, third = (store.writer.append(member(name), ord(name)) for name in "abc")
        note(packs, state, third)
        note(packs, state, first)
        assert [row.member for row in state.packed().all()] == [first]
        # What fails after all is waited for no longer.
        failed = Result(second.target_index, "http://host/b", Outcome.FAILED, error=Failure.DISK)
        assert [file.path for file in packs.failed(failed)] == [third.name]


def test_an_open_pack_keeps_what_members_of_others_refer_to(
    directory: OutputDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if there is a newer version of it since, so that no URL has it any more."""
    with opened_packs(directory, tmp_path, pack_count=1) as (packs, state, store):
        old, other, new = (store.writer.append(member(name), place)
                           for place, name in enumerate("aba"))  # fmt: skip
        for stored in (old, other, new):
            note(packs, state, stored)
        state.commit()
        opened = tmp_path / ".pyfetch" / "packs" / old.pack
        monkeypatch.setattr(store.format, "holder", lambda one: old if one.name == "b" else one)
        packs_of(store, state)
        assert opened.stat().st_size == old.end
        monkeypatch.undo()
        packs_of(store, state)
        assert opened.stat().st_size == 0


def test_a_pack_whose_writer_was_killed_is_cut_behind_the_members_that_were_reported(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    """Also a full one: what was not reported is fetched, and packed, again."""
    with opened_packs(directory, tmp_path, pack_count=3) as (packs, state, store):
        first, _, third = (store.writer.append(member(name), ord(name)) for name in "abc")
        note(packs, state, third)
        note(packs, state, first)
        packs.abandoned(first.pack)
        assert packs.take() == (first.pack, first.end, 1)
        assert (tmp_path / ".pyfetch" / "packs" / first.pack).stat().st_size == first.end


def test_a_full_pack_whose_writer_was_killed_once_all_was_reported_is_sealed(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    with opened_packs(directory, tmp_path, pack_count=2) as (packs, state, store):
        first, second = (store.writer.append(member(name), ord(name)) for name in "ab")
        note(packs, state, first)
        note(packs, state, second)
        packs.abandoned(first.pack)
        packs.committed()
        packs.abandoned(first.pack)
        packs.finish(seals=False)
        assert (tmp_path / first.pack).stat().st_size == second.end + len(END)


@cases(("stopped", "recorded"), [(True, []), (False, ["b"])])
def test_a_run_that_is_stopped_records_nothing_behind_a_member_that_it_does_not_know(
    *, stopped: bool, recorded: list[str], tmp_path: Path
) -> None:
    """Else the next run would go on behind that one, and pack it again."""
    place = tmp_path / str(stopped)
    place.mkdir()
    prepare(place)
    with (
        closing(OutputDirectory(place)) as directory,
        closing(PackStore.of(SETTINGS, directory)) as store,
        closing(State(place / "state")) as state,
    ):
        packs = packs_of(store, state)
        with packs.filled(LedgerOf(packs, state), lambda: stopped):
            _, second = (store.writer.append(member(name), ord(name)) for name in "ab")
            note(packs, state, second)
        assert [row.member.name for row in state.packed().all()] == recorded


class LedgerOf:
    """As much of a ledger as packs need."""

    def __init__(self, packs: Packs, state: State) -> None:
        self.alone = nullcontext()
        self._packs = packs
        self._state = state

    def commit(self) -> None:
        self._state.commit()

    def commit_all(self) -> None:
        for file in self._packs.deferred():
            self._state.record(*file)
        self.commit()


def test_a_pack_that_got_its_name_when_its_run_was_killed_is_left_as_it_is(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    with opened_packs(directory, tmp_path) as (packs, state, store):
        note(packs, state, store.writer.append(member("a"), 1))
        state.commit()
        opened = tmp_path / ".pyfetch" / "packs" / "000000.tar"
        opened.write_bytes(opened.read_bytes() + END)
        (tmp_path / "000000.tar").hardlink_to(opened)
        before = opened.read_bytes()
        packs = packs_of(store, state)
        assert packs.take().name == "000001.tar"
        assert not opened.exists()
        assert (tmp_path / "000000.tar").read_bytes() == before


def test_what_stands_beside_a_pack_replaces_no_file_of_the_user(
    directory: OutputDirectory, tmp_path: Path
) -> None:
    with opened_packs(directory, tmp_path) as (packs, state, store):
        note(packs, state, store.writer.append(member("a"), 1))
        (tmp_path / "000000.json").write_text('{"mine": 1}')
        state.commit()
        with pytest.raises(StoppedError, match=r"000000\.json has appeared"):
            packs.finish(seals=True)
        assert (tmp_path / "000000.json").read_text() == '{"mine": 1}'
        assert not (tmp_path / "000000.tar").exists()
        # A killed run may have written it.
        (tmp_path / "000000.json").write_text('{\n "pack": "000000.tar",\n "members": 7}')
        packs_of(store, state).finish(seals=True)
        assert (tmp_path / "000000.tar").exists()
