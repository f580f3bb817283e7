"""Commands and functions that cannot be used: what is said, before anything is fetched."""

from __future__ import annotations

from unittest import mock

import pytest

from pyfetch.compute.task import task_from
from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

URL = "http://127.0.0.1:9/x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--exec", ""], "the command is empty (write one like 'unzip -q {path}')"),
        (["--exec", "no-such-program {path}"], "there is no program 'no-such-program' in PATH"),
        (["--exec", "true {pth}"], "there is no field {pth} (there are {path}, {name}, "),
        (["--exec", "true 'x"], "a quotation mark is not closed"),
        (["--exec", "cat {path} | wc"], "no shell runs it, so | would be an argument"),
        (["--exec", "sh -c 'wc {path}'"], "sh would run what the name of a file says"),
        (["--map", "sizes"], "it names no function (write MODULE:FUNCTION or FILE.py:FUNCTION)"),
        (["--map", "no_such:f"], "there is no module 'no_such', neither in "),
        (["--map", "no_such.py:f"], "no_such.py cannot be read: No such file or directory"),
        (["--exec", "true", "--map", "a:b"], "--exec and --map exclude each other"),
        (["--exec", "true", "--discard"], "--discard keeps no file that --exec could read: leave"),
        (["--map", "a:b", "--discard"], "that --map could read: leave it out (--keep no removes"),
        (["--map", "a:b", "--keep", "no", "--no-state"], "leave --no-state out"),
        (["--keep", "no"], "--keep is for computing with the files: it needs --exec or --map"),
        (["--cpus", "2"], "--cpus is for computing with the files: it needs --exec or --map"),
        (["--exec", "true", "--keep", "maybe"], "must be yes or no, not 'maybe'"),
        (["--exec", "true", "--cpus", "0"], "must be auto or a whole number from 1 to 1024"),
        (["--on-download-complete", "x"], "write --exec 'COMMAND {path}'"),
    ],
)
@pytest.mark.parametrize("plan", [[], ["--plan"]])
def test_what_cannot_be_used_is_said_before_anything_is_fetched(
    pyfetch: Command, arguments: list[str], said: str, plan: list[str]
) -> None:
    ended = pyfetch(*arguments, *plan, "-o", "data", URL)
    assert ended.status == 2
    assert said in ended.err
    assert ended.out == ""
    assert not (pyfetch.directory / "data").exists()


def test_what_is_done_with_files_is_found_once(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"x")
    with mock.patch("pyfetch.compute.task.task_from", wraps=task_from) as found:
        assert pyfetch("--exec", "true", f"{server.url}/x").status == 0
    assert found.call_count == 1


def test_a_table_has_to_have_the_columns_of_the_command(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Also where each row says its file itself, so that no name needs a column."""
    (pyfetch.directory / "list.csv").write_text(f"url,title,out\n{server.url}/x,t,x\n")
    server.pages["/x"] = Page(b"x")
    ended = pyfetch("list.csv", "--exec", "true {input.title} {input.tilte}")
    assert ended.status == 2
    assert "the command has {input.tilte}, but it has only the columns url, title, out" in ended.err
    assert pyfetch("list.csv", "--exec", "true {input.title}").status == 0


def test_a_configuration_and_variables_have_these_options_too(pyfetch: Command) -> None:
    """Yes and no are true and false in TOML, and files are beside the configuration."""
    config = pyfetch.directory / "config.toml"
    config.write_text('[defaults]\nmap = "lib/sizes.py:measure"\n')
    shown = pyfetch("--config", str(config), "--show-config").out
    assert f'map = "{pyfetch.directory}/lib/sizes.py:measure"' in shown
    config.write_text('[defaults]\nmap = "sizes:measure"\n')
    assert 'map = "sizes:measure"' in pyfetch("--config", str(config), "--show-config").out
    config.write_text('[defaults]\nexec = "true {path}"\nkeep = false\ncpus = 2\n')
    shown = pyfetch("--config", str(config), "--show-config").out
    assert 'exec = "true {path}"' in shown
    assert "keep = false" in shown
    pyfetch.environment["PYFETCH_KEEP"] = "no"
    assert "PYFETCH_KEEP" in pyfetch("--exec", "true", "--show-config").out


def test_a_configuration_may_say_how_to_compute_for_the_runs_that_do(pyfetch: Command) -> None:
    pyfetch.configure('[defaults]\ncpus = 2\nkeep = false\nexec-timeout = "5m"\n')
    assert pyfetch("-o", "data", "--plan", URL).status == 0
    assert pyfetch("-o", "data", "--plan", "--exec", "true", URL).status == 0
    ended = pyfetch("-o", "data", "--plan", "--cpus", "3", URL)
    assert (ended.status, "--cpus is for computing" in ended.err) == (2, True)


def test_what_a_configuration_computes_gives_way_to_what_the_user_says(pyfetch: Command) -> None:
    pyfetch.configure('[defaults]\nexec = "no-such-program"\nkeep = false\n')
    assert pyfetch("-o", "data", "--plan", URL).status == 2
    assert pyfetch("-o", "data", "--plan", "--map", "json:dump", URL).status == 0
    assert pyfetch("--discard", "--plan", URL).status == 0
    pyfetch.configure("[defaults]\ndiscard = true\n")
    assert pyfetch("-o", "data", "--plan", "--exec", "true", URL).status == 0
