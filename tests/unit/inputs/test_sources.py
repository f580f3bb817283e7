"""Lines and arguments → entries."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.api import entries_from_items
from pyfetch.errors import UsageError
from pyfetch.inputs import MAX_LINE, Sources, is_url
from pyfetch.inputs.targets import checked_url
from pyfetch.models import Entry, Failure, Outcome, Result, Target, TargetError
from pyfetch.urls import parse_url
from tests.support.cases import cases

KIB_64 = 64 * 1024
LONGEST = 5.0
"""Seconds after which a read in a test has hung."""

T = TypeVar("T")
Read = Callable[[bytes], list[Entry]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Entries of a file with this content."""

    def entries(content: bytes) -> list[Entry]:
        path = tmp_path / "urls.txt"
        path.write_bytes(content)
        return list(Sources([str(path)]))

    return entries


def urls(entries: list[Entry]) -> list[str]:
    assert all(isinstance(entry, Target) for entry in entries), entries
    return [str(entry.url) for entry in entries]


def failure(entry: Entry) -> Result:
    assert isinstance(entry, Result)
    assert entry.outcome is Outcome.FAILED
    return entry


def line_of(length: int) -> bytes:
    return b"http://host/".ljust(length, b"x")


def in_time(call: Callable[[], T]) -> T:
    """What a call returns. A call that hangs fails the test."""
    calls: queue.SimpleQueue[T] = queue.SimpleQueue()
    threading.Thread(target=lambda: calls.put(call()), daemon=True).start()
    try:
        return calls.get(timeout=LONGEST)
    except queue.Empty:
        pytest.fail("it hangs")


class Pipe:
    def __init__(self) -> None:
        self.readable, self.writable = os.pipe()
        self.ended = False

    def end(self) -> None:
        self.ended = True
        os.close(self.writable)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    if not pipe.ended:
        pipe.end()
    os.close(pipe.readable)


def code_of(url: str) -> Failure:
    with pytest.raises(TargetError) as caught:
        checked_url(url)
    return caught.value.failure


def test_each_line_is_a_target_in_order(read: Read) -> None:
    assert read(b"http://one/a\nhttps://two/b\n") == [
        Target(1, parse_url("http://one/a")),
        Target(2, parse_url("https://two/b")),
    ]


def test_the_last_line_needs_no_newline(read: Read) -> None:
    assert urls(read(b"http://h/a\nhttp://h/b")) == ["http://h/a", "http://h/b"]


@pytest.mark.parametrize("line", [b"", b"   ", b"\t", b"\r", b"# http://h/", b"  # x", b"#"])
def test_blank_lines_and_comments_are_passed_over(read: Read, line: bytes) -> None:
    content = line + b"\nhttp://h/a\n" + line + b"\n" + line
    assert read(content) == [Target(1, parse_url("http://h/a"))]


def test_a_fragment_is_no_comment(read: Read) -> None:
    assert urls(read(b"http://h/a#b\n")) == ["http://h/a#b"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n\n", b"# nothing\n", b"\xef\xbb\xbf"])
def test_an_input_without_urls_has_no_entries(read: Read, content: bytes) -> None:
    assert read(content) == []


def test_a_byte_order_mark_is_passed_over(read: Read) -> None:
    assert urls(read(b"\xef\xbb\xbfhttp://h/a\nhttp://h/b\n")) == ["http://h/a", "http://h/b"]
    assert read(b"\xef\xbb\xbf# comment\n") == []


def test_lines_may_end_in_crlf(read: Read) -> None:
    assert urls(read(b"http://h/a\r\n\r\nhttp://h/b\r\n")) == ["http://h/a", "http://h/b"]


def test_whitespace_around_a_url_is_no_part_of_it(read: Read) -> None:
    assert urls(read(b" \t http://h/a \t\n")) == ["http://h/a"]


def test_urls_need_not_be_ascii(read: Read) -> None:
    assert urls(read("http://bücher.example/naïve\n".encode())) == ["http://bücher.example/naïve"]


def test_a_line_that_is_not_utf_8_is_one_failed_result(read: Read) -> None:
    first, second, third = read(b"http://h/a\nhttp://h/caf\xe9\nhttp://h/b\n")
    failed = failure(second)
    assert (failed.index, failed.error) == (2, Failure.INVALID_URL)
    assert failed.url == "http://h/caf\\xe9"
    assert failed.detail == "line 2: not UTF-8"
    assert urls([first, third]) == ["http://h/a", "http://h/b"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nhttp://h/b\n"])
@pytest.mark.parametrize("before", [b"", b"http://h/a\n", b"#" * 40_000 + b"\n"])
def test_a_line_of_64_kib_is_read(read: Read, before: bytes, end: bytes) -> None:
    line = line_of(KIB_64)
    assert line.decode() in urls(read(before + line + end))


def test_the_end_of_a_line_is_not_counted(read: Read) -> None:
    assert urls(read(line_of(KIB_64) + b"\r\n")) == [line_of(KIB_64).decode()]


@pytest.mark.parametrize("length", [KIB_64 + 1, 2 * KIB_64, 2 * KIB_64 + 1, 5 * KIB_64 + 17])
def test_a_line_that_is_too_long_is_one_failed_result_and_the_rest_goes_on(
    read: Read, length: int
) -> None:
    befores = (b"", b"http://h/a\n", b"#" * 40_000 + b"\n")
    for before, end in itertools.product(befores, (b"\n", b"\r\n")):
        number = before.count(b"\n") + 1
        *_, long, after = read(before + line_of(length) + end + b"http://h/after")
        assert failure(long).error is Failure.INVALID_URL
        assert failure(long).detail == f"line {number}: longer than 65536 bytes"
        assert after == Target(long.index + 1, parse_url("http://h/after"))


@pytest.mark.parametrize("length", [KIB_64 + 1, 2 * KIB_64, 3 * KIB_64 + 1])
def test_a_last_line_that_is_too_long_and_has_no_newline_is_one_failed_result(
    read: Read, length: int
) -> None:
    first, second = read(b"http://h/a\n" + line_of(length))
    assert urls([first]) == ["http://h/a"]
    assert failure(second).detail == "line 2: longer than 65536 bytes"


def test_two_lines_that_are_too_long_are_two_failed_results(read: Read) -> None:
    long = line_of(2 * KIB_64) + b"\n"
    entries = read(long + long + b"http://h/a\n" + long)
    assert [isinstance(entry, Result) for entry in entries] == [True, True, False, True]


def test_a_long_line_may_come_in_small_pieces(pipe: Pipe) -> None:
    content = line_of(KIB_64) + b"\n" + line_of(KIB_64 + 1) + b"\nhttp://h/after\n"

    def send() -> None:
        for start in range(0, len(content), 997):
            os.write(pipe.writable, content[start : start + 997])
        pipe.end()

    sender = threading.Thread(target=send)
    sender.start()
    whole, long, after = Sources(["-"], stdin=pipe.readable)
    sender.join()
    assert urls([whole, after]) == [line_of(KIB_64).decode(), "http://h/after"]
    assert failure(long).detail == "line 2: longer than 65536 bytes"


def test_details_count_blank_lines_comments_and_long_lines(read: Read) -> None:
    content = b"\n# comment\nbad-1\r\n" + line_of(3 * KIB_64) + b"\n\nhttp://h/a\n\xff\nbad-2"
    details = [entry.detail for entry in read(content) if isinstance(entry, Result)]
    assert [str(detail).partition(":")[0] for detail in details] == [
        "line 3", "line 4", "line 7", "line 8",
    ]  # fmt: skip


def test_a_detail_names_the_source_where_there_are_several(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_bytes(b"bad\n")
    two.write_bytes(b"http://h/a\n\xff\n")
    details = [e.detail for e in Sources([str(one), str(two)]) if isinstance(e, Result)]
    assert [detail.partition(": ")[0] for detail in details if detail] == [
        f"line 1 of {one}",
        f"line 2 of {two}",
    ]


def test_a_detail_says_standard_input_for_a_dash(tmp_path: Path) -> None:
    content = tmp_path / "stdin"
    content.write_bytes(b"bad\n")
    with content.open("rb") as stdin:
        bad, _ = Sources(["-", "http://h/"], stdin=stdin.fileno())
    assert str(failure(bad).detail).startswith("line 1 of standard input: ")


def test_entries_are_counted_from_1_across_sources(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_bytes(b"# comment\nhttp://h/1\n\nbad\n")
    two.write_bytes(b"http://h/4\n")
    entries = list(Sources([str(one), "http://h/3", str(two), "ftp://h/5"]))
    assert [entry.index for entry in entries] == [1, 2, 3, 4, 5]
    assert urls([entries[0], entries[2], entries[3]]) == ["http://h/1", "http://h/3", "http://h/4"]


def test_an_argument_may_be_a_url() -> None:
    assert list(Sources(["https://h/a"])) == [Target(1, parse_url("https://h/a"))]


def test_a_url_argument_that_cannot_be_fetched_is_a_failed_result_that_names_it() -> None:
    (entry,) = Sources(["ftp://h/a"])
    assert failure(entry).error is Failure.UNSUPPORTED_SCHEME
    assert failure(entry).detail == "argument 'ftp://h/a': ftp is neither http nor https"


@cases(
    ("argument", "expected"),
    [
        ("http://h/a", True),
        ("HTTPS://h/a", True),
        ("ftp://h/a", True),
        ("urls.txt", False),
        ("-", False),
        ("dir/http://h", False),
        ("host:8080/x", False),
        ("mailto:a@b", False),
        ("C:\\urls.txt", False),
    ],
)
def test_a_url_argument_has_a_scheme_and_two_slashes(argument: str, expected: bool) -> None:
    assert is_url(argument) is expected


@cases(
    "url",
    [
        "ftp://host/x", "mailto:a@example.com", "javascript:alert(1)", "file:///etc/passwd",
        "data:text/plain,x", "FTP://host/x", "git+ssh://host/x", "ws://host/",
    ],
)  # fmt: skip
def test_another_scheme_is_unsupported(url: str) -> None:
    assert code_of(url) is Failure.UNSUPPORTED_SCHEME


@cases(
    "url",
    [
        "", "example.com/x", "host:8080/x", "localhost:8080", "host:8080?q", "//host/x", "/etc/x",
        "www.example.com", "://host/", "1http://host/",
    ],
)  # fmt: skip
def test_a_url_needs_a_scheme(url: str) -> None:
    assert code_of(url) is Failure.INVALID_URL


@cases("form", ["http://h/a{}b", "http://h{}/", "http://h/{}", "{}http://h/"])
def test_a_space_or_control_character_is_in_no_url(form: str) -> None:
    for character in " \t\n\r\0\x1b\x7f\x85\xa0\u2028\u2029":
        assert code_of(form.format(character)) is Failure.INVALID_URL, f"U+{ord(character):04X}"


@cases("port", ["65536", "99999999999999999999", "abc", "-1", "8 0", "\uff18\uff10"])
def test_a_port_is_a_number_up_to_65535(port: str) -> None:
    assert code_of(f"http://host:{port}/") is Failure.INVALID_URL


@cases(
    "url",
    [
        "http://",
        "http:///x",
        "https:host/x",
        "http:/host/x",
        "http://:80/",
        "http://user@/",
        "http://?",
    ],
)
def test_a_url_needs_a_host(url: str) -> None:
    assert code_of(url) is Failure.INVALID_URL


@cases("url", ["http://[::1", "http://::1]/", "http://[::1/x", "http://a℀b/"])
def test_a_host_that_cannot_be_one_is_invalid(url: str) -> None:
    assert code_of(url) is Failure.INVALID_URL


@cases(
    ("url", "origin"),
    [
        ("http://host/x", "http://host:80"),
        ("https://host/x", "https://host:443"),
        ("http://host:8080/x", "http://host:8080"),
        ("http://host:/x", "http://host:80"),
        ("https://host:80", "https://host:80"),
        ("HTTP://HOST.Example/X", "http://host.example:80"),
        ("https://user:secret@host/x", "https://host:443"),
        ("http://host?q=//other/", "http://host:80"),
        ("http://host#@other/", "http://host:80"),
        ("http://[::1]/x", "http://[::1]:80"),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080"),
    ],
)
def test_an_origin_is_scheme_host_and_port_in_lower_case(url: str, origin: str) -> None:
    (entry,) = entries_from_items([url])
    assert isinstance(entry, Target)
    assert (entry.url.text, entry.origin) == (url, origin)


def test_items_of_an_iterable_are_entries() -> None:
    assert list(entries_from_items([" http://h/a\n", "https://h/b"])) == [
        Target(1, parse_url("http://h/a")),
        Target(2, parse_url("https://h/b")),
    ]


@cases("item", ["", "bad", None, 7, b"http://h/"])
def test_an_item_that_is_no_url_is_a_failed_result(item: str) -> None:
    first, second = entries_from_items([item, "http://h/a"])
    assert failure(first).error is Failure.INVALID_URL
    assert str(failure(first).detail).startswith("item 1: no URL")
    assert second == Target(2, parse_url("http://h/a"))


def test_items_are_taken_one_at_a_time() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "http://h/"

    entries = entries_from_items(endless())
    assert [next(entries).index for _ in range(3)] == [1, 2, 3]


def test_a_missing_file_is_a_usage_error_at_once(tmp_path: Path) -> None:
    missing = tmp_path / "missing.txt"
    with pytest.raises(UsageError, match=r"cannot read .*missing\.txt: No such file") as caught:
        Sources(["http://h/", str(missing)])
    assert caught.value.exit_status == 2


def test_a_directory_is_a_usage_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        Sources([str(tmp_path)])


def test_a_file_that_goes_away_is_a_usage_error_where_its_turn_comes(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"http://h/b\n")
    entries = iter(Sources(["http://h/a", str(path)]))
    path.unlink()
    assert next(entries) == Target(1, parse_url("http://h/a"))
    with pytest.raises(UsageError, match=r"cannot read .*urls\.txt: No such file"):
        next(entries)


def test_a_line_of_a_pipe_that_stays_open_comes_at_once(pipe: Pipe) -> None:
    entries = iter(Sources(["-"], stdin=pipe.readable))
    os.write(pipe.writable, b"http://h/a\nhttp://h/b")
    assert in_time(lambda: next(entries)) == Target(1, parse_url("http://h/a"))
    os.write(pipe.writable, b"c\nbad\n")
    assert in_time(lambda: next(entries)) == Target(2, parse_url("http://h/bc"))
    assert in_time(lambda: next(entries).index) == 3
    pipe.end()
    assert in_time(lambda: list(entries)) == []


def test_standard_input_stays_open(pipe: Pipe) -> None:
    pipe.end()
    assert list(Sources(["-"], stdin=pipe.readable)) == []
    assert stat.S_ISFIFO(os.fstat(pipe.readable).st_mode)


def test_a_pipe_that_does_not_block_is_not_taken_for_ended(pipe: Pipe) -> None:
    os.set_blocking(pipe.readable, False)
    os.write(pipe.writable, b"http://h/a\n")
    taken = threading.Event()

    def send() -> None:
        taken.wait(LONGEST)
        os.write(pipe.writable, b"http://h/b\n")
        pipe.end()

    def receive() -> list[Entry]:
        entries = iter(Sources(["-"], stdin=pipe.readable))
        first = next(entries)
        taken.set()
        return [first, *entries]

    sender = threading.Thread(target=send)
    sender.start()
    assert urls(in_time(receive)) == ["http://h/a", "http://h/b"]
    sender.join()


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    yield path
    # Wakes a thread that a failed test left waiting for the other end.
    os.close(os.open(path, os.O_RDWR))


def test_a_fifo_that_nobody_writes_to_yet_holds_nothing_up(fifo: Path) -> None:
    assert in_time(lambda: Sources([str(fifo)])).fraction_read is None


def test_lines_of_a_fifo_are_read(fifo: Path) -> None:
    sources = Sources([str(fifo)])
    writer = threading.Thread(target=fifo.write_bytes, args=(b"http://h/a\n",))
    writer.start()
    assert in_time(lambda: urls(list(sources))) == ["http://h/a"]
    writer.join()


def test_a_writer_that_waits_at_a_fifo_goes_on_only_when_it_is_read(fifo: Path) -> None:
    begun, opened = threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        with contextlib.suppress(BrokenPipeError), fifo.open("wb", buffering=0) as stream:
            opened.set()
            stream.write(b"http://h/a\n")

    threading.Thread(target=write, daemon=True).start()
    begun.wait(LONGEST)
    for _ in range(1000):  # the thread is inside open() during most of these
        sources = Sources([str(fifo)])
    assert not opened.is_set()
    assert in_time(lambda: urls(list(sources))) == ["http://h/a"]


def test_how_much_was_read_is_known_for_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_bytes(b"http://h/a\n")
    two.write_bytes(b"http://h/b\n" * 3)
    sources = Sources([str(one), "http://h/", str(two)])
    assert sources.fraction_read == 0
    assert [sources.fraction_read for _ in sources] == [0.25, 0.25, 1, 1, 1]


def test_how_much_was_read_is_never_more_than_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"http://h/a\n")
    sources = Sources([str(path)])
    path.write_bytes(b"http://h/a\n" * 10)
    assert len(list(sources)) == 10
    assert sources.fraction_read == 1.0


def test_how_much_was_read_is_not_known_for_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"http://h/a\n")
    assert Sources([str(path), "-"]).fraction_read is None
    assert Sources(["http://h/"]).fraction_read is None


def test_a_line_that_is_kept_is_given_back_as_it_was_once(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"\xef\xbb\xbf# comment\n  http://h/a \r\n\ncaf\xe9\nhttp://h/b")
    sources = Sources([str(path)], keep_lines=True)
    indexes = [entry.index for entry in sources]
    assert [sources.line_of(index) for index in indexes] == [
        b"  http://h/a ", b"caf\xe9", b"http://h/b",
    ]  # fmt: skip
    assert [sources.line_of(index) for index in indexes] == [b""] * 3


def test_of_a_line_that_is_too_long_a_comment_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"\n" + line_of(KIB_64 + 1))
    sources = Sources([str(path)], keep_lines=True)
    assert [sources.line_of(entry.index) for entry in sources] == [
        b"# line 2 was longer than 65536 bytes"
    ]


def test_no_line_is_kept_unless_it_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_bytes(b"http://h/a\n")
    sources = Sources([str(path)])
    assert [sources.line_of(entry.index) for entry in sources] == [b""]


pieces = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from(
        [
            b"\n", b"\r\n", b"http://", b"https://h", b"h", b":", b"80", b"/", b"[", b"]", b"[::1]",
            b"@", b"?", b"#", b"%", b" ", b"\xef\xbb\xbf", b"ftp:", "℀.é".encode(), line_of(KIB_64),
        ]
    ),
)  # fmt: skip


@given(st.lists(pieces, max_size=30).map(b"".join))
@example(b"http://[v1.x]/\nhttp://[::1%25x]/\nhttp://h\xef\xbc\x8fx/\n")
def test_any_bytes_are_targets_and_failed_results_counted_from_1(content: bytes) -> None:
    with tempfile.TemporaryFile() as stdin:
        stdin.write(content)
        stdin.seek(0)
        entries = list(Sources(["-"], stdin=stdin.fileno()))
    assert [entry.index for entry in entries] == list(range(1, len(entries) + 1))
    for entry in entries:
        if isinstance(entry, Target):
            assert entry.origin.startswith(("http://", "https://"))
            assert entry.path is None
        else:
            assert entry.outcome is Outcome.FAILED
            assert entry.error in {Failure.INVALID_URL, Failure.UNSUPPORTED_SCHEME}
            assert str(entry.detail).startswith("line ")


@given(st.lists(st.text()))
def test_any_texts_are_one_entry_each(items: list[str]) -> None:
    assert [entry.index for entry in entries_from_items(items)] == list(range(1, len(items) + 1))


@pytest.mark.parametrize("length", [MAX_LINE + 1, 5 * MAX_LINE])
def test_a_comment_is_passed_over_however_long_it_is(tmp_path: Path, length: int) -> None:
    (tmp_path / "urls").write_bytes(b"#" + b"x" * length + b"\nhttp://h/a\n")
    (entry,) = Sources([str(tmp_path / "urls")])
    assert str(entry.url) == "http://h/a"


def test_there_is_no_port_0() -> None:
    with pytest.raises(TargetError, match="port 0"):
        checked_url("http://h:0/")
