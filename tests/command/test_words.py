"""What users of other tools type: it works, or they are told what to type instead."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from pyfetch import fetch_all
from pyfetch.settings import Settings
from pyfetch.settings.keywords import settings_from
from tests.support.command import Command, InstalledCommand
from tests.support.server import LoopbackServer, Page, basic, redirect
from tests.support.terminal import Terminal


class TestWords:
    def test_a_command_line_of_curl_just_works(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/a"] = Page(b"a")
        ended = pyfetch("-fsSL", "-A", "me", f"{server.url}/a")
        assert (ended.status, ended.out, ended.err) == (0, "", "")
        assert (pyfetch.directory / "a").read_bytes() == b"a"
        assert server.asked[0].headers["User-Agent"] == "me"

    def test_what_happens_anyway_is_said_in_a_line_and_the_run_goes_on(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/a"] = Page(b"a")
        ended = pyfetch("-c", "-L", "--remote-name", f"{server.url}/a")
        assert ended.status == 0
        notes = ended.err.splitlines()
        assert notes[:2] == [
            "pyfetch: -c: resuming is automatic: run the same command again",
            "pyfetch: -L: redirects are followed",
        ]
        assert "named after its URL" in notes[2]
        assert len(notes) == 4  # and the summary

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("--spider", "--plan"),
            ("-P", "-o DIR"),
            ("-x16", "--per-host 16"),
            ("--concurrency=8", "--workers N"),
        ],
    )
    def test_what_is_done_in_another_way_is_one_line_that_says_how(
        self, pyfetch: Command, server: LoopbackServer, typed: str, said: str
    ) -> None:
        ended = pyfetch(typed, f"{server.url}/a")
        assert (ended.status, ended.out, server.asked) == (2, "", [])
        assert len(ended.err.splitlines()) == 1
        assert said in ended.err

    def test_no_word_is_taken_for_one_that_is_not_like_it(self, pyfetch: Command) -> None:
        said = pyfetch("--concurrency", "8", "http://127.0.0.1:1/").err
        assert "--workers" in said
        assert "--insecure" not in said

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["-w", "many"], "-w/--workers: must be auto or a whole number from 1 to 1024"),
            (["-w", "%{http_code}"], "--format jsonl"),
            (["--rate", "500K"], "--limit-rate"),
            (["--format", "json"], "write --format jsonl"),
            (["--progress=dot:giga"], "write --progress bar"),
            (["--timeout", "5x"], "--timeout: '5x' is no time (write it like 10, 500ms, 30s"),
            (["--max-size", "5Q"], "write it like 300, 10M"),
            (["--retries", "-1"], "from 0 to"),
            (["-o"], "'-o' requires an argument"),
        ],
    )
    def test_a_wrong_value_is_one_line_that_says_what_to_write(
        self, pyfetch: Command, arguments: list[str], said: str
    ) -> None:
        ended = pyfetch("http://127.0.0.1:1/", *arguments)
        assert ended.status == 2
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1

    def test_a_wrong_value_in_a_variable_names_the_variable(self, pyfetch: Command) -> None:
        pyfetch.environment["PYFETCH_WORKERS"] = "many"
        assert "PYFETCH_WORKERS: must be" in pyfetch("http://127.0.0.1:1/").err

    def test_a_variable_named_after_a_word_of_another_tool_is_no_option(
        self, pyfetch: Command
    ) -> None:
        pyfetch.environment["PYFETCH_JOBS"] = "8"
        ended = pyfetch("--discard", "http://127.0.0.1:1/")
        assert ended.status == 2
        assert "PYFETCH_JOBS stands for no option" in ended.err


class TestSecrets:
    @pytest.mark.parametrize(
        "given",
        [
            ["-u", "me:s3cret"],
            ["-vume:s3cret"],
            ["-fsSLu", "me:s3cret"],
            ["-vH", "Authorization: Bearer s3cret"],
            ["--header=A: s3cret"],
            ["--oauth2-bearer", "s3cret"],
            ["-b", "token=s3cret"],
            ["-x", "me:s3cret@127.0.0.1:1"],
            ["-kx", "http://me:s3cret@127.0.0.1:1"],
            ["--all-proxy=http://me:s3cret@127.0.0.1:1"],
        ],
    )
    def test_no_way_to_write_a_secret_shows_it_after_a_failure(
        self, pyfetch: Command, given: list[str]
    ) -> None:
        """Not even in the command that tries again what has failed."""
        ended = pyfetch("--retries", "0", *given, "http://127.0.0.1:1/x")
        assert ended.status == 1
        assert "s3cret" not in ended.out + ended.err

    def test_the_command_to_try_again_is_shown_where_it_holds_no_secret(
        self, pyfetch: Command
    ) -> None:
        ended = pyfetch("--retries", "0", "-j", "4", "http://127.0.0.1:1/x")
        assert "-j 4 http://127.0.0.1:1/x --failed-to failed.txt" in ended.err


class TestHelp:
    def test_short_help_leaves_nothing_above_a_screen_of_24_lines(
        self, forked: InstalledCommand
    ) -> None:
        with Terminal(forked, "-h", columns=80, rows=24) as terminal:
            assert terminal.end() == 0
        assert terminal.left == []
        assert terminal.visible[0].startswith("Usage: pyfetch")
        assert len(terminal.visible) == 23

    @pytest.mark.parametrize("flag", ["-h", "--help"])
    def test_help_comes_whatever_else_is_wrong(self, pyfetch: Command, flag: str) -> None:
        pyfetch.environment["PYFETCH_WORKERS"] = "none"
        ended = pyfetch("--rate", "5", flag)
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith("Usage: pyfetch")


class TestDestination:
    @pytest.mark.parametrize("flag", ["-o", "-O", "--output", "--output-document"])
    def test_standard_output_is_refused_with_what_to_do(
        self, pyfetch: Command, server: LoopbackServer, flag: str
    ) -> None:
        ended = pyfetch(flag, "-", f"{server.url}/a")
        assert (ended.status, server.asked) == (2, [])
        assert "curl URL" in ended.err
        assert [*pyfetch.directory.iterdir()] == []

    def test_a_directory_that_looks_like_a_file_is_refused_with_both_ways_to_write_it(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/a"] = Page(b"a")
        ended = pyfetch("-o", "out.bin", f"{server.url}/a")
        assert (ended.status, server.asked) == (2, [])
        assert "-O out.bin" in ended.err
        assert "-o out.bin/" in ended.err
        assert pyfetch("-o", "out.bin/", f"{server.url}/a").status == 0
        assert pyfetch("-o", "out.bin", f"{server.url}/a").status == 0  # now it is one
        assert (pyfetch.directory / "out.bin" / "a").read_bytes() == b"a"

    @pytest.mark.parametrize("name", ["data", "v1.2", ".d", "2026.11.26", "a.directory"])
    def test_what_looks_like_no_file_is_a_directory(
        self, pyfetch: Command, server: LoopbackServer, name: str
    ) -> None:
        server.pages["/a"] = Page(b"a")
        assert pyfetch("-o", name, f"{server.url}/a").status == 0
        assert (pyfetch.directory / name / "a").read_bytes() == b"a"

    def test_a_list_may_go_to_a_directory_of_any_name(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/a"] = Page(b"a")
        assert pyfetch("-o", "example.org", stdin=f"{server.url}/a").status == 0

    @pytest.mark.parametrize(
        ("arguments", "place"),
        [
            (["-O", "out.bin"], "out.bin"),
            (["-Oout.bin"], "out.bin"),
            (["--output-document=x/out.bin"], "x/out.bin"),
            (["-O", "./out.bin"], "out.bin"),
            (["-o", "data", "-O", "x/out.bin"], "data/x/out.bin"),
            (["-O", "../elsewhere/out.bin"], "../elsewhere/out.bin"),
        ],
    )
    def test_one_url_is_saved_as_the_file_that_is_named(
        self, pyfetch: Command, server: LoopbackServer, arguments: list[str], place: str
    ) -> None:
        pyfetch.directory /= "here"
        pyfetch.directory.mkdir()
        server.pages["/a"] = Page(b"a")
        ended = pyfetch(*arguments, f"{server.url}/a?id=7")
        assert ended.status == 0
        assert (pyfetch.directory / place).read_bytes() == b"a"
        again = pyfetch(*arguments, f"{server.url}/a?id=7", "--format", "jsonl")
        assert [result["outcome"] for result in again.results] == ["unchanged"]

    def test_an_absolute_path_names_its_directory_too(
        self, pyfetch: Command, server: LoopbackServer, tmp_path: Path
    ) -> None:
        server.pages["/a"] = Page(b"a")
        place = tmp_path / "far" / "out.bin"
        assert pyfetch("-O", str(place), f"{server.url}/a").status == 0
        assert place.read_bytes() == b"a"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["-O", "http://h/a"], "each file is named after its URL (pyfetch http://h/a)"),
            (["-O", "http://me:pw@h/a"], "(pyfetch http://***@h/a)"),
            (["-O", "x", "http://h/a", "http://h/b"], "give one URL, or write out=x"),
            (["-O", "x", "urls.txt"], "give one URL, or write out=x"),
            (["-O", "x/", "http://h/a"], "-O x/ is a directory: write -o x/"),
            (["-O", ".", "http://h/a"], "is a directory"),
            (["-O", "../x", "-o", "data", "http://h/a"], "not below -o data"),
            (["-O", "/x", "-o", "data", "http://h/a"], "not below -o data"),
            (["-O", ".x", "http://h/a"], "a dot in front hides"),
            (["-O", "x", "--discard", "http://h/a"], "--discard saves no file"),
        ],
    )
    def test_what_cannot_be_the_file_of_one_url_is_refused_with_what_to_do(
        self, pyfetch: Command, arguments: list[str], said: str
    ) -> None:
        (pyfetch.directory / "urls.txt").write_text("http://h/a\n")
        ended = pyfetch(*arguments)
        assert ended.status == 2
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1

    def test_a_plan_shows_the_file_of_one_url(self, pyfetch: Command) -> None:
        ended = pyfetch("--plan", "-O", "data/x.bin", "http://h/a")
        assert ended.out.split("\t")[:3] == ["fetch", "http://h/a", "data/x.bin"]
        assert not (pyfetch.directory / "data").exists()

    def test_a_url_that_failed_keeps_the_name_that_it_was_to_get(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        url = f"{server.url}/a"
        assert pyfetch("-O", "my file", "--failed-to", "failed", url).status == 1
        server.pages["/a"] = Page(b"a")
        assert pyfetch("failed").status == 0
        assert (pyfetch.directory / "my file").read_bytes() == b"a"


class TestHeadersOfAFile:
    def test_each_line_of_the_file_is_a_header(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/a"] = Page(b"a")
        (pyfetch.directory / "token").write_text("\ufeffAuthorization: Bearer x\r\n\r\nX-A: b c\n")
        ended = pyfetch("--discard", "-H", "@token", "-H", "X-B: d", f"{server.url}/a")
        assert ended.status == 0
        sent = server.asked[0].headers
        assert [sent[name] for name in ("Authorization", "X-A", "X-B")] == ["Bearer x", "b c", "d"]

    def test_a_descriptor_of_the_shell_is_a_file_too(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        """As in `-H @<(pass show token)`."""
        server.pages["/a"] = Page(b"a")
        reading, writing = os.pipe()
        os.write(writing, b"X-A: b\n")
        os.close(writing)
        assert pyfetch("--discard", "-H", f"@/dev/fd/{reading}", f"{server.url}/a").status == 0
        os.close(reading)
        assert server.asked[0].headers["X-A"] == "b"

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("@missing", "cannot read missing: No such file or directory"),
            ("@wrong", "line 2 of wrong: no header (write it as 'Name: value')"),
            ("@bytes", "cannot read bytes: it is not UTF-8"),
            ("@-", "write @/dev/stdin"),
            ("@/dev/zero", "/dev/zero is too long"),
        ],
    )
    def test_a_file_of_headers_that_cannot_be_used_is_an_error_that_shows_no_secret(
        self, pyfetch: Command, value: str, said: str
    ) -> None:
        (pyfetch.directory / "wrong").write_text("A: b\ns3cret\n")
        (pyfetch.directory / "bytes").write_bytes(b"A: \xff\n")
        ended = pyfetch("-H", value, "http://127.0.0.1:1/")
        assert ended.status == 2
        assert said in ended.err
        assert "s3cret" not in ended.err

    def test_a_variable_may_name_a_file_too(self, pyfetch: Command, server: LoopbackServer) -> None:
        server.pages["/a"] = Page(b"a")
        (pyfetch.directory / "token").write_text("X-A: b\nX-B: c\n")
        pyfetch.environment["PYFETCH_HEADER"] = "@token\nX-C: d"
        pyfetch("--discard", f"{server.url}/a")
        assert [server.asked[0].headers[f"X-{x}"] for x in "ABC"] == ["b", "c", "d"]


class TestUser:
    def test_user_and_password_go_to_the_origin_of_the_first_url_only(
        self, pyfetch: Command, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        for one in (server, other):
            one.pages |= {"/a": Page(b"a"), "/b": Page(b"b")}
        server.routes["/away"] = partial(redirect, to=f"{other.url}/a")
        listed = "no url\n" + "".join(
            f"{url}\n"
            for url in (f"{server.url}/a", f"{other.url}/a", f"{server.url}/b",
                        f"{server.url}/away", f"{other.url}/b")
        )  # fmt: skip
        pyfetch("--discard", "-u", "me:pass:word", "-w", "1", stdin=listed)
        login = basic("me", "pass:word")
        assert [asked.headers.get("Authorization") for asked in server.asked] == [login] * 3
        assert [asked.headers.get("Authorization") for asked in other.asked] == [None] * 3

    def test_a_mirror_on_another_host_gets_no_password(
        self, pyfetch: Command, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        other.pages["/a"] = Page(b"a")
        ended = pyfetch("--discard", "-u", "me:pw", stdin=f"{server.url}/gone\t{other.url}/a\n")
        assert ended.status == 0
        assert other.asked[0].headers.get("Authorization") is None

    def test_the_url_and_a_header_say_more_than_the_option_and_netrc_says_less(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/a"] = Page(b"a")
        (pyfetch.directory / "netrc").write_text("machine 127.0.0.1 login n password n\n")
        url = f"{server.url}/a"
        own = url.replace("://", "://you:own@")
        line = f"{url}  header='Authorization: Mine'"
        given = ("--discard", "-u", "me:pw", "--netrc-file", "netrc", "-w", "1")
        pyfetch(*given, stdin=f"{url}\n{own}\n{line}\n")
        assert [asked.headers.get("Authorization") for asked in server.asked] == [
            basic("me", "pw"), basic("you", "own"), "Mine",
        ]  # fmt: skip

    def test_several_processes_and_programs_send_the_same(
        self, forked: InstalledCommand, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        server.pages["/a"] = other.pages["/a"] = Page(b"a")
        urls = [f"{server.url}/a", f"{other.url}/a"]
        forked("--discard", "-u", "me:pw", "--processes", "2", *urls)
        [*fetch_all(urls, discard=True, user="me:pw")]
        assert [asked.headers["Authorization"] for asked in server.asked] == [basic("me", "pw")] * 2
        assert [asked.headers.get("Authorization") for asked in other.asked] == [None] * 2

    def test_the_password_is_asked_for_on_the_terminal_which_does_not_show_it(
        self, forked: InstalledCommand, server: LoopbackServer
    ) -> None:
        """Also where the list is standard input."""
        server.pages["/a"] = Page(b"a")
        with (forked.directory / "urls").open("w+") as urls:
            urls.write(f"{server.url}/a\n")
            urls.seek(0)
            with Terminal(forked, "--discard", "-u", "me", stdin=urls.fileno()) as terminal:
                terminal.wait_for("Password for me:")
                terminal.type("s3cret\r")
                assert terminal.end() == 0
        assert b"s3cret" not in terminal.raw
        assert server.asked[0].headers["Authorization"] == basic("me", "s3cret")

    def test_without_a_terminal_the_question_is_an_error_that_says_what_to_do(
        self, pyfetch: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_terminal(path: str, *_: object) -> int:
            raise OSError(6, "No such device or address", path)

        monkeypatch.setattr("pyfetch.cli.command.os.open", no_terminal)
        ended = pyfetch("--discard", "-u", "me", "http://127.0.0.1:1/")
        assert ended.status == 2
        assert "write -u me:PASSWORD, or use a netrc file" in ended.err

    def test_a_url_is_no_user(self, pyfetch: Command) -> None:
        ended = pyfetch("-u", "http://me:s3cret@h/")
        assert ended.status == 2
        assert ended.err == "pyfetch: -u takes a name: -u NAME, or -u NAME:PASSWORD\n"

    def test_neither_a_repr_nor_an_error_shows_the_password(self) -> None:
        assert "s3cret" not in repr(Settings(user="me:s3cret"))
        with pytest.raises(ValueError, match="must be NAME:PASSWORD") as raised:
            settings_from({"user": "s3cret"})
        assert "s3cret" not in str(raised.value)
