"""The command line: what it accepts, what it says, and the exit status it ends with."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import ForwardRef

import pytest

from pyfetch import __version__
from pyfetch.models import Failure
from tests.support.cases import cases
from tests.support.command import COMMAND, Command, unmeasured
from tests.support.documents import PAGES
from tests.support.server import LoopbackServer, Page


def test_a_file_standard_input_and_urls_give_the_same(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages |= {"/a": Page(b"a"), "/b": Page(b"bb")}
    urls = [f"{server.url}/a", f"{server.url}/b"]
    listed = "\ufeff# mine\r\n\r\n" + "".join(f"  {url}\t\r\n" for url in urls)
    (pyfetch.directory / "urls.txt").write_text(listed, newline="")
    expected = "".join(
        f"200\t{size}\t{url}\t-\t-\t-\n" for size, url in zip("12", urls, strict=True)
    )
    assert pyfetch("urls.txt", "--discard", "--workers", "3").out == expected
    assert pyfetch("--discard", stdin=listed).out == expected
    assert pyfetch("--discard", "-", stdin=listed).out == expected
    assert pyfetch("--discard", *urls).out == expected


def test_bad_lines_are_failed_results_and_the_rest_goes_on(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"a")
    good = f"{server.url}/a".encode()
    lines = [b"no url", b"ftp://host/x", b"\xff\xfe", b"x" * 70_000, b"http://", good]
    ended = pyfetch("--format", "jsonl", stdin=b"# first\n" + b"\n".join(lines))
    assert ended.status == 1
    errors = [result["error"] for result in ended.results]
    assert errors == [
        "invalid-url", "unsupported-scheme", "invalid-url", "invalid-url", "invalid-url", None,
    ]  # fmt: skip
    for line, result in enumerate(ended.results[:-1], 2):
        assert f"line {line}:" in result["detail"]


def test_an_empty_list_is_no_failure(pyfetch: Command) -> None:
    ended = pyfetch(stdin="\n# nothing\n")
    assert (ended.status, ended.out) == (0, "")


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_file_that_cannot_be_read_ends_with_2_and_one_line(pyfetch: Command, name: str) -> None:
    ended = pyfetch(name)
    assert (ended.status, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert name in ended.err


@pytest.mark.parametrize("output_dir", ["file/below", "file"])
def test_an_output_directory_that_cannot_be_made_ends_with_3_before_the_first_request(
    pyfetch: Command, server: LoopbackServer, output_dir: str
) -> None:
    (pyfetch.directory / "file").write_bytes(b"")
    ended = pyfetch("-o", output_dir, f"{server.url}/x")
    assert ended.status == 3
    assert len(ended.err.splitlines()) == 1
    assert output_dir in ended.err
    assert server.asked == []


def test_an_output_directory_that_is_a_file_is_called_one(pyfetch: Command) -> None:
    (pyfetch.directory / "file").write_bytes(b"")
    ended = pyfetch("-o", "file", "http://127.0.0.1:1/x")
    assert ended.err.startswith(
        "pyfetch: cannot write to the output directory file: it is a file ("
    )


@pytest.mark.parametrize(
    "arguments",
    [[""], ["http://127.0.0.1:1/", "-o", ""], ["http://127.0.0.1:1/", "--failed-to", ""]],
)
def test_a_name_that_is_empty_is_an_error(pyfetch: Command, arguments: list[str]) -> None:
    """As a script writes it whose variable has no value: `-o "$DIR"` is not this directory."""
    ended = pyfetch(*arguments)
    assert ended.status == 2
    assert "and is empty" in ended.err


@pytest.mark.parametrize(
    "option", [("--checksums",), ("--report",), ("--pack", "webdataset", "--pack-list")]
)
def test_a_file_about_the_results_does_not_replace_the_list(
    pyfetch: Command, option: tuple[str, ...]
) -> None:
    """Where the file that the option needs was forgotten, its next word is the list."""
    listed = pyfetch.directory / "urls.txt"
    listed.write_text("http://127.0.0.1:1/\n")
    ended = pyfetch("urls.txt", "-o", "data", *option, "./urls.txt")
    assert (ended.status, listed.read_text()) == (2, "http://127.0.0.1:1/\n")
    assert "urls.txt is the list itself" in ended.err


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs /proc: made by no one, not even root"
)
def test_an_output_directory_that_cannot_be_written_ends_with_3(
    pyfetch: Command, server: LoopbackServer
) -> None:
    assert pyfetch("-o", "/proc/self", f"{server.url}/x").status == 3
    assert server.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers", "0"],
        ["--workers", "many"],
        ["--timeout", "0"],
        ["--timeout", "nan"],
        ["--connect-timeout", "-1"],
        ["--max-time", "inf"],
        ["--max-time", "1e308"],
        ["--retry-wait", "nan"],
        ["--wait-lock", "nan"],
        ["--max-size", "10 Q"],
        ["--retries", "-1"],
        ["--if-exists", "burn"],
        ["--format", "xml"],
        ["-H", "no colon"],
        ["-H", "X: a\nB: c"],
        ["-H", "bad name: x"],
        ["--rate", "5"],
        ["--rate", "0/s"],
        ["--limit-rate", "0"],
        ["--allow-failures", "101%"],
        ["--allow-failures", "-1"],
        ["--rate-total"],
        ["--fail-fast", "--allow-failures", "1"],
        ["--fail-fast", "--allow-failures", "1%"],
        ["--expect-type", "image"],
        ["--no-such-option"],
    ],
)
def test_a_bad_value_of_an_option_ends_with_2_and_names_it(
    pyfetch: Command, arguments: list[str]
) -> None:
    ended = pyfetch("http://127.0.0.1:1/", *arguments)
    assert ended.status == 2
    assert arguments[0] in ended.err
    assert "Traceback" not in ended.err


def test_every_option_also_reads_the_environment(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"a")
    pyfetch.environment |= {
        "PYFETCH_DISCARD": "1",
        "PYFETCH_FORMAT": "jsonl",
        "PYFETCH_HEADER": "X-One: 1\nX-Two: two words",
        "PYFETCH_MAX_SIZE": "1k",
    }
    ended = pyfetch(f"{server.url}/a")
    assert ended.results[0]["path"] is None
    assert server.asked[0].headers["X-Two"] == "two words"
    pyfetch.environment["PYFETCH_WORKERS"] = "none"
    assert pyfetch(f"{server.url}/a").status == 2


def test_a_variable_that_others_set_for_pyfetch_is_not_taken_for_a_question(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"a")
    pyfetch.environment |= {"PYFETCH_VERSION": "0.1.0", "PYFETCH_HEADER": "X-One: 1\n\n"}
    assert pyfetch("--discard", f"{server.url}/a").status == 0
    assert server.asked[0].headers["X-One"] == "1"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="alone"),
        pytest.param(("--processes", "2"), id="over processes", marks=pytest.mark.slow),
    ],
)
def test_a_run_with_closed_standard_streams_ends_as_any_other(
    pyfetch: Command, server: LoopbackServer, options: tuple[str, ...]
) -> None:
    """No file or connection gets their numbers, and nobody complains.

    With one of them closed, which is with the tests of stress, it is the same.
    """
    server.pages["/a"] = Page(b"a")
    script = f'exec "{COMMAND}" "$@" <&- >&- 2>&-'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *options, f"{server.url}/a"],
        cwd=pyfetch.directory, env=pyfetch.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stdout + ended.stderr
    assert (pyfetch.directory / "a").read_bytes() == b"a"


def test_numbers_that_json_does_not_know_are_null_in_results(pyfetch: Command) -> None:
    """Whatever the list says, and at whatever depth (RFC 8259, section 6)."""
    line = '{"url": "h", "a": NaN, "b": [{"c": 1e999}, -Infinity, 1.5]}'
    (result,) = pyfetch("--format", "jsonl", stdin=line).results
    assert result["input"] == {"a": None, "b": [{"c": None}, None, 1.5]}


@pytest.mark.slow
def test_a_standard_input_that_is_closed_is_a_usage_error(pyfetch: Command) -> None:
    script = f'exec "{COMMAND}" "$@" <&-'
    for arguments in ([], ["-"]):
        ended = subprocess.run(
            ["sh", "-c", script, "sh", *arguments],
            cwd=pyfetch.directory, env=pyfetch.environment, capture_output=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 2


def test_the_summary_counts_what_came_and_what_failed_and_why(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"a" * 2000)
    ended = pyfetch(
        "--discard", f"{server.url}/a", f"{server.url}/b", "ftp://x/", f"{server.url}/c"
    )
    assert ended.status == 1
    assert re.search(
        r"^pyfetch: fetched 1, failed 3 \(404 ×2, unsupported-scheme ×1\); 2\.0 kB in .*/s\n\Z",
        ended.err,
        re.MULTILINE,
    )


def test_quiet_is_silent_when_all_is_well(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"a")
    ended = pyfetch("--quiet", f"{server.url}/a")
    assert (ended.status, ended.out, ended.err) == (0, "", "")


def test_quiet_says_a_line_for_each_failure_and_a_summary(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"a")
    ended = pyfetch("--quiet", f"{server.url}/a", f"{server.url}/b", "ftp://x/")
    assert (ended.status, ended.out) == (1, "")
    lines = ended.err.splitlines()
    assert len(lines) == 3
    assert f"{server.url}/b: http: 404" in lines[0]
    assert "ftp://x/: unsupported-scheme" in lines[1]


def test_a_line_of_tsv_is_always_one_line_of_six_fields(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"a")
    hostile = f"{server.url}/a\u202egnp.exe".encode()
    ended = pyfetch(stdin=b"http://x/\x1b[31m\ty\x07\n" + hostile + b"\n\xff\n")
    assert [len(row) for row in ended.rows] == [6, 6, 6]
    assert not set(ended.out) & {"\x1b", "\x07", "\u202e", "\r"}


def test_help_is_in_groups_and_shows_defaults(pyfetch: Command) -> None:
    shown = pyfetch("--help").out
    assert re.search(r"^Save files:$", shown, re.MULTILINE)
    assert re.search(r"--retries N\s+Try again[^-]*Default:\s+3$", shown, re.MULTILINE)


def test_the_version(pyfetch: Command) -> None:
    assert pyfetch("--version").out == f"pyfetch {__version__}\n"


@cases("failure", list(Failure))
def test_a_page_explains_each_failure_code(failure: Failure) -> None:
    assert f"| `{failure}` |" in (PAGES / "results.md").read_text()


@pytest.mark.slow
def test_nothing_is_imported_that_a_run_does_not_need() -> None:
    def imported(statement: str) -> set[str]:
        code = f"import sys\n{statement}\nprint(*sys.modules)"
        # Where coverage is measured, it brings modules of its own.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
        ended = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True,
            env=environment,
        )  # fmt: skip
        return {name.partition(".")[0] for name in ended.stdout.split()}

    library = imported("from pyfetch import fetch_all; fetch_all([])")
    assert not library & {"rich", "click"}
    assert "requests" in library
    assert not imported("import pyfetch") & {"rich", "click", "requests", "sqlite3"}
    assert not imported("import pyfetch.cli.command") & {"rich", "requests", "sqlite3"}


@pytest.mark.slow
def test_a_run_over_processes_loads_itself_nothing_to_fetch_with(
    server: LoopbackServer, tmp_path: Path
) -> None:
    """In a program. The command loads it once for all processes, which it forks."""
    environment = {k: v for k, v in unmeasured(os.environ).items() if not k.endswith("_CA_BUNDLE")}
    server.pages["/x"] = Page(b"x")
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-c",
         "from pyfetch import fetch_all\n"
         f"list(fetch_all(['{server.url}/x'], processes=2, discard=True))"],
        check=True, capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    names = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert {"pyfetch.cluster.coordinator", "pyfetch.processes.child"} <= names
    assert not names & {
        "requests", "urllib3", "ssl", "pyfetch.http.client", "sqlite3", "multiprocessing",
    }  # fmt: skip
    assert not any(name.startswith("pyfetch.compute.") for name in names)


LOADED_WHERE_NEEDED = {
    "rich": ["--format", "table"],  # where something is drawn
    "sqlite3": ["-o", "data"],  # where files are kept
    "pyfetch.engine.download_to_file": ["-o", "data"],
    "pyfetch.storage.placing": ["-o", "data"],
    "pyfetch.storage.lock": ["-o", "data"],
    "pyfetch.naming.components": ["-o", "data"],
    "pyfetch.scheduling.throughput": ["--workers", "auto"],
    "defusedxml": ["--input-format", "sitemap"],
    "fractions": ["--allow-failures", "5%"],
    "pyfetch.compute": ["--exec", "true"],
    "pyfetch.http.public_addresses": ["--public-only"],
    "pyfetch.output.result_files": ["--checksums", "sums"],
}
DETECTION = "pyfetch.inputs.detect"  # where a list is read
OF_BUCKETS = {"obstore", "pyfetch.storage.objects.bucket", "pyfetch.http.s3_uploads"}
LOADED_BY_OTHERS = {
    *OF_BUCKETS,  # where something is in a bucket
    "multiprocessing",  # by --processes
    "pyfetch.inputs.formats.json_lines",  # for such lists
    "pyfetch.inputs.formats.checksums",
    "pyfetch.output.plan",  # by --plan
    "pyfetch.verified",  # by --verify
    "pyfetch.activity",  # where something is drawn
    "pyfetch.cli.again",  # where several URLs have failed
    "http_sf",  # where a server speaks of its quota
    "truststore",  # on other systems
    "tomllib",  # where there is a configuration
    "pyfetch.cli.config.file",
    "pyfetch.cli.spelling",  # where an option is unknown
}


MOST_OWN_MODULES = 110
"""Of a run that keeps no file: each takes a tenth of a millisecond, whatever is in it."""


def loaded_by(directory: Path, listed: str, *arguments: str) -> set[str]:
    """All modules that a run of the command imports."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pyfetch", *arguments],
        check=False, capture_output=True, text=True, cwd=directory, input=listed,
        env=unmeasured(os.environ) | {"HOME": str(directory)},
    )  # fmt: skip
    assert "import time:" in ended.stderr
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}


@pytest.mark.slow
def test_a_run_loads_only_what_it_needs(server: LoopbackServer, tmp_path: Path) -> None:
    server.pages["/x"] = Page(b"x")
    loaded = loaded_by(tmp_path, f"{server.url}/x", "--discard")
    assert {"pyfetch.http.client", DETECTION} <= loaded
    assert not loaded & {*LOADED_WHERE_NEEDED, *LOADED_BY_OTHERS}
    own = [name for name in loaded if name.startswith("pyfetch.")]
    assert len(own) <= MOST_OWN_MODULES


@pytest.mark.slow
def test_a_run_into_a_directory_loads_nothing_of_buckets(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.pages["/x"] = Page(b"x")
    loaded = loaded_by(tmp_path, "", "-o", "data", f"{server.url}/x")
    assert "pyfetch.storage.file_store" in loaded
    assert not loaded & OF_BUCKETS


@pytest.mark.slow
def test_long_named_tuples_that_a_run_loads_have_types_that_are_no_text(
    server: LoopbackServer, tmp_path: Path
) -> None:
    """Each text would be compiled at each start; one is left where a type is loaded later."""
    server.pages["/x"] = Page(b"x")
    loaded = loaded_by(tmp_path, f"{server.url}/x", "--discard")
    modules = [importlib.import_module(name) for name in loaded if name.startswith("pyfetch.")]
    values = {
        value for module in modules for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, tuple)
    }  # fmt: skip
    texts = {
        value.__name__: sum(isinstance(kind, ForwardRef) for kind in value.__annotations__.values())
        for value in values if len(getattr(value, "_fields", ())) >= _LONG
    }  # fmt: skip
    assert len(texts) > 10
    assert {name for name, number in texts.items() if number > 1} == set()


_LONG = 5
"""Fields of a named tuple from which on their types count."""


@pytest.mark.slow
def test_a_run_of_urls_alone_loads_nothing_that_reads_lists(
    server: LoopbackServer, tmp_path: Path
) -> None:
    """No format has to be detected where the arguments are URLs."""
    server.pages["/x"] = Page(b"x")
    assert DETECTION not in loaded_by(tmp_path, "", "--discard", f"{server.url}/x")


@pytest.mark.slow
def test_what_is_loaded_where_it_is_needed_is_called_so(
    server: LoopbackServer, tmp_path: Path
) -> None:
    """Else the test above would look for modules that there are not."""
    server.pages["/x"] = Page(b"x")
    options = [option for options in LOADED_WHERE_NEEDED.values() for option in options]
    sitemap = f"<urlset><url><loc>{server.url}/x</loc></url></urlset>"
    assert loaded_by(tmp_path, sitemap, *options) >= set(LOADED_WHERE_NEEDED)
    assert all(importlib.util.find_spec(name) for name in LOADED_BY_OTHERS - {"truststore"})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(pyfetch: Command, shell: str) -> None:
    pyfetch.environment["_PYFETCH_COMPLETE"] = f"{shell}_source"
    ended = pyfetch()
    if shell == "bash" and "Bash" in ended.err:
        pytest.fail(ended.err)
    assert "pyfetch" in ended.out
