"""Checksums: computed, demanded, and written for `sha256sum -c`; failures as input."""

from __future__ import annotations

import hashlib
import signal
import subprocess
from pathlib import Path

import pytest

from pyfetch.checksum import Checksum, Digest, demanded_by, parse_checksum
from tests.support.cases import cases
from tests.support.command import Command, InstalledCommand
from tests.support.server import LoopbackServer, Page
from tests.support.waiting import LONGEST_WAIT, until

BODY = b"content" * 50_000


def digest(algorithm: str, body: bytes = BODY) -> str:
    return hashlib.new(algorithm, body).hexdigest()


def test_a_line_may_demand_a_checksum(pyfetch: Command, server: LoopbackServer) -> None:
    algorithms = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
    lines = []
    for name in algorithms:
        server.pages |= {f"/{name}": Page(BODY), f"/not-{name}": Page(BODY)}
        lines.append(f"{server.url}/{name}#{name}={digest(name).upper()}")
        lines.append(f"{server.url}/not-{name}#{name}={digest(name, b'other')}")
    ended = pyfetch("--format", "jsonl", *lines)
    assert [result["error"] for result in ended.results] == [None, "checksum"] * len(algorithms)
    for name, wrong in zip(algorithms, ended.results[1::2], strict=True):
        assert digest(name) in wrong["detail"]
        assert (pyfetch.directory / name).read_bytes() == BODY
        assert not (pyfetch.directory / f"not-{name}").exists()
    assert list((pyfetch.directory / ".pyfetch").glob("parts/*")) == []
    assert len(server.asked) == len(lines)  # a mismatch is not tried again


def test_a_mismatch_leaves_an_older_file_as_it_was(
    pyfetch: Command, server: LoopbackServer
) -> None:
    (pyfetch.directory / "x").write_bytes(b"older")
    server.pages["/x"] = Page(BODY)
    assert pyfetch(f"{server.url}/x#sha256={'0' * 64}").rows[0][4] == "checksum"
    assert (pyfetch.directory / "x").read_bytes() == b"older"


def test_discard_checks_too(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(BODY)
    urls = [f"{server.url}/x#md5={digest('md5')}", f"{server.url}/x#md5={'0' * 32}"]
    assert [row[4] for row in pyfetch("--discard", *urls).rows] == ["-", "checksum"]


@pytest.mark.parametrize("policy", ["refresh", "skip"])
def test_a_file_that_is_what_is_demanded_is_not_asked_for_and_any_other_is_fetched(
    pyfetch: Command, server: LoopbackServer, policy: str
) -> None:
    server.pages |= {"/x": Page(BODY), "/y": Page(BODY)}
    (pyfetch.directory / "x").write_bytes(BODY)
    (pyfetch.directory / "y").write_bytes(b"something else")
    demand = f"#sha256={digest('sha256')}"
    arguments = ("--if-exists", policy, "--format", "jsonl")
    ended = pyfetch(*arguments, f"{server.url}/x{demand}", f"{server.url}/y{demand}")
    first = "skipped" if policy == "skip" else "unchanged"
    assert [result["outcome"] for result in ended.results] == [first, "fetched"]
    assert server.paths() == ["/y"]
    assert (pyfetch.directory / "y").read_bytes() == BODY


@cases(
    ("fragment", "found"),
    [
        ("", None),
        ("section-2", None),
        ("egg=name", None),
        ("egg=x&sha1=" + "a" * 40, Checksum("sha1", "a" * 40)),
        ("SHA256=" + "A" * 64, Checksum("sha256", "a" * 64)),
    ],
)
def test_a_fragment_demands_a_checksum_or_speaks_of_something_else(
    fragment: str, found: Checksum | None
) -> None:
    assert demanded_by(fragment) == found


def test_a_fragment_that_names_an_algorithm_and_no_digest_of_it_is_no_url(
    pyfetch: Command,
) -> None:
    fragments = ["sha256=", "sha256=abc", "md5=" + "g" * 32, "sha1=" + "a" * 41]
    listed = "".join(f"http://127.0.0.1:1/x#{fragment}\n" for fragment in fragments)
    results = pyfetch("--format", "jsonl", stdin=listed).results
    for number, result in enumerate(results, 1):
        assert result["error"] == "invalid-url"
        assert f"line {number}:" in result["detail"]


def test_a_checksum_of_an_unknown_algorithm_is_none() -> None:
    with pytest.raises(ValueError, match="crc32"):
        parse_checksum("crc32", "0" * 8)


def test_what_is_not_demanded_is_no_mismatch() -> None:
    assert Digest().mismatch() is None


def test_sha256sum_accepts_the_checksums_of_a_run_and_of_a_rerun(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages |= {f"/f{i}": Page(b"%d" % i) for i in range(20)}
    urls = [f"{server.url}/f{i}" for i in range(20)]
    for policy in ("refresh", "refresh", "skip"):
        arguments = ("-o", "da ta", "--if-exists", policy, "--checksums", "sums")
        pyfetch(*arguments, *urls, f"{server.url}/gone")
        checked = subprocess.run(
            ["sha256sum", "-c", "--strict", "sums"],
            cwd=pyfetch.directory, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.count(": OK") == 20


def test_sha256sum_accepts_names_with_a_newline_and_a_backslash(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"x")
    pyfetch("-o", "a\\b\nc", "--checksums", "sums", f"{server.url}/x")
    subprocess.run(["sha256sum", "-c", "--strict", "sums"], cwd=pyfetch.directory, check=True)


class TestFailedTo:
    def test_the_lines_that_failed_are_written_as_they_were(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages |= {"/a": Page(b"a"), "/b": Page(b"b")}
        good = [f"{server.url}/a", f"{server.url}/b"]
        bad = [f"  {server.url}/gone \t", "no url", f"{server.url}/b#sha256={'0' * 64}"]
        lines = [good[0], bad[0], "# comment", "", bad[1], good[1], bad[2]]
        text = "\r\n".join(lines).encode() + b"\n\xff\xfe\n" + b"x" * 70_000
        (pyfetch.directory / "urls.txt").write_bytes(b"\xef\xbb\xbf" + text)
        assert pyfetch("--failed-to", "failed", "urls.txt").status == 1
        failed = (pyfetch.directory / "failed").read_bytes().splitlines()
        *same, too_long = failed
        assert same == [line.encode() for line in bad] + [b"\xff\xfe"]
        assert too_long.startswith(b"# line ")

    def test_a_run_over_them_tries_just_those(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/a"] = Page(b"a")
        urls = [f"{server.url}/a", f"{server.url}/b", "-"]
        pyfetch("--failed-to", "failed", *urls, stdin=f"{server.url}/c")
        server.pages |= {"/b": Page(b"b"), "/c": Page(b"c")}
        server.asked.clear()
        # The file may be the run's own input: it is read before it is written.
        assert pyfetch("failed", "--failed-to", "failed").status == 0
        assert sorted(server.paths()) == ["/b", "/c"]
        assert (pyfetch.directory / "failed").read_bytes() == b""

    @pytest.mark.slow
    def test_it_is_written_when_the_run_is_interrupted(
        self, forked: InstalledCommand, server: LoopbackServer
    ) -> None:
        server.routes["/stall"] = lambda h: h.stall()
        urls = [f"{server.url}/gone", f"{server.url}/stall"]
        run = forked.start("-w", "1", "--failed-to", "failed", *urls)
        until(lambda: "/stall" in server.paths(), "a request that stalls")
        run.send_signal(signal.SIGINT)
        run.communicate()
        assert run.returncode == 130
        assert (forked.directory / "failed").read_text().splitlines() == urls

    @pytest.mark.parametrize("option", ["--failed-to", "--checksums"])
    def test_a_place_that_cannot_be_written_is_a_usage_error(
        self, pyfetch: Command, server: LoopbackServer, option: str
    ) -> None:
        ended = pyfetch(option, "no/such/place", f"{server.url}/x")
        assert ended.status == 2
        assert "no/such/place" in ended.err
        assert server.asked == []

    def test_what_is_no_regular_file_is_written_as_it_is(
        self, forked: InstalledCommand, server: LoopbackServer
    ) -> None:
        ended = forked("--quiet", "--failed-to", "/dev/stdout", f"{server.url}/x")
        assert ended.out == f"{server.url}/x\n"

    def test_a_link_stays_a_link(
        self, pyfetch: Command, server: LoopbackServer, tmp_path: Path
    ) -> None:
        (tmp_path / "real").touch()
        (tmp_path / "link").symlink_to("real")
        pyfetch("--failed-to", "link", f"{server.url}/x")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_text() == f"{server.url}/x\n"

    def test_a_run_that_does_not_begin_leaves_an_older_one_as_it_was(
        self, pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
    ) -> None:
        older = f"{server.url}/older\n"
        (pyfetch.directory / "failed").write_text(older)
        server.routes["/x"] = lambda h: h.stall()
        first = forked.start(f"{server.url}/x")
        until(lambda: server.asked != [], "a request")
        ended = pyfetch("failed", "--failed-to", "failed", "--checksums", "sums")
        assert ended.status == 3
        assert (pyfetch.directory / "failed").read_text() == older
        first.kill()
        first.communicate()
        assert pyfetch("failed", "--failed-to", "failed", "--checksums", "no/place").status == 2
        assert (pyfetch.directory / "failed").read_text() == older
        assert sorted(path.name for path in pyfetch.directory.iterdir()) == [".pyfetch", "failed"]

    def test_an_interrupted_run_over_its_own_list_leaves_that_as_it_was(
        self, forked: InstalledCommand, server: LoopbackServer
    ) -> None:
        server.routes["/stall"] = lambda h: h.stall()
        lines = "".join(f"{server.url}/{name}\n" for name in ("gone", "stall", "later"))
        (forked.directory / "list").write_text(lines)
        run = forked.start("-w", "1", "list", "--failed-to", "list")
        until(lambda: "/stall" in server.paths(), "a request that stalls")
        run.send_signal(signal.SIGINT)
        run.communicate()
        assert (forked.directory / "list").read_text() == lines

    def test_what_a_reader_that_went_away_did_not_see_is_in_it(
        self, forked: InstalledCommand, server: LoopbackServer
    ) -> None:
        server.routes["/stall"] = lambda h: h.stall()
        urls = [f"{server.url}/gone", f"{server.url}/stall", f"{server.url}/later"]
        run = forked.start("-w", "1", "--failed-to", "failed", *urls)
        assert run.stdout
        run.stdout.readline()
        until(lambda: "/stall" in server.paths(), "a request that stalls")
        run.stdout.close()
        assert run.wait(LONGEST_WAIT) == 141
        assert run.stderr
        with run.stderr as err:
            assert err.read() == b""
        assert (forked.directory / "failed").read_text().splitlines() == urls[:2]

    def test_two_reports_cannot_be_one_file(self, pyfetch: Command, server: LoopbackServer) -> None:
        ended = pyfetch("--failed-to", "same", "--checksums", "./same", f"{server.url}/x")
        assert ended.status == 2
        assert server.asked == []


def test_the_sha256_that_was_computed_for_a_demand_is_known_from_then_on(
    pyfetch: Command, server: LoopbackServer
) -> None:
    (pyfetch.directory / "x").write_bytes(BODY)
    url = f"{server.url}/x#md5={digest('md5')}"
    (result,) = pyfetch("--if-exists", "skip", "--format", "jsonl", url).results
    assert result["sha256"] == digest("sha256")
