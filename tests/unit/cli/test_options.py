"""The options: made from the settings, and the table in docs/options.md from the options."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from pyfetch.cli import manual
from pyfetch.cli.command import command
from pyfetch.cli.parameters import settings_from_options
from pyfetch.cli.translation import foreign_words
from pyfetch.errors import UsageError
from pyfetch.settings import SETTINGS, Group, Settings
from pyfetch.settings.keywords import settings_from
from pyfetch.settings.kinds import Flag, Number
from tests.support.cases import cases
from tests.support.documents import DOCUMENTS, PAGES, README, ROOT
from tests.support.settings import beside
from tools.man_page import MAN_PAGE, man_page
from tools.option_table import PAGE, option_table, with_table


def chosen(*arguments: str) -> Settings:
    """The settings that these arguments choose."""
    with command.make_context("pyfetch", [*arguments]) as context:
        return settings_from_options(context.params)


def test_the_page_of_options_has_the_table_that_make_docs_writes() -> None:
    text = PAGE.read_text()
    assert with_table(text) == text, "run `make docs`"


@cases(
    "row",
    [
        "| `-w`, `--workers N\\|auto` | 8 | ",
        "| `--timeout TIME` | 30s | ",
        "| `--no-state` | off | ",
        "| `--cpu-pin / --no-cpu-pin` | on | ",
        "| `--max-size SIZE` | none | ",
        "| `-o`, `--output-dir DIR` | `.` | ",
        "| `--format table\\|tsv\\|jsonl` | table on a terminal, else tsv | ",
        "| `-H`, `--header LINE\\|@FILE` | none | ",
        "| `-V`, `--version` |  | ",
    ],
)
def test_the_table_names_flags_and_default_of_an_option(row: str) -> None:
    assert any(line.startswith(row) for line in option_table().splitlines())


def test_a_page_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="make docs"):
        with_table("# pyfetch\n")


def test_the_man_page_is_the_one_that_make_docs_writes() -> None:
    assert MAN_PAGE.read_text() == man_page(), "run `make docs`"


def flags_of_the_command() -> list[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    return [flag for one in options for flag in (*one.opts, *one.secondary_opts)]


def test_settings_help_table_and_man_page_have_the_same_options() -> None:
    """All of them, and none beside them."""
    settings = {flag for one in SETTINGS.values() for name in one.flags for flag in name.split("/")}
    expected = {*flags_of_the_command()}
    assert settings <= expected
    shown = re.findall(r"^  (-.*?)(?:   |$)", manual.everything(command.params), re.MULTILINE)
    rows = re.findall(r"^\| (`-.*?) \| ", option_table(), re.MULTILINE)
    items = re.findall(r"^\.TP\n(\\fB\\-.*)$", man_page(), re.MULTILINE)
    for said in (shown, rows, [re.sub(r"\\f[BR]|\\", "", item) for item in items]):
        assert {flag for line in said for flag in flags_in(line)} == expected


def flags_in(text: str) -> list[str]:
    return re.findall(r"(?<![\w-])--?[a-zA-Z0-9][a-z0-9-]*", text)


def test_help_table_and_man_page_say_the_same_of_each_option() -> None:
    shown = " ".join(manual.everything(command.params).split())
    page = " ".join(man_page().replace("\\fB", "").replace("\\fR", "").replace("\\", "").split())
    for text in manual.option_texts(command.params):
        plain = text.text_and_default.replace("`", "")
        assert plain in shown
        assert plain.replace("'", "(aq").replace("~", "(ti") in page
        assert text.text.replace("|", "\\|") in option_table()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_fits_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """But for what is one word, or an example that has to stay whole."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for line in manual.everything(command.params).splitlines():
        if not re.match("  (pyfetch |--)|More:| {6}PYFETCH|  [a-z_A-Z]+, ", line):
            assert len(line) < min(columns, 100)


def test_help_has_examples_variables_statuses_units_and_the_readme() -> None:
    shown = manual.everything(command.params)
    for heading in ("Examples:", "Environment:", "Exit status:", *(f"{one}:" for one in Group)):
        assert f"\n{heading}\n" in shown
    assert "500ms" in shown
    assert README.as_uri() in shown
    assert "<=" not in shown


def test_short_help_is_one_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 lines of 80 columns, the last of them for the prompt."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = manual.one_screen(command.params).splitlines()
    assert len(lines) <= 23
    assert max(map(len, lines)) < 80
    assert len([line for line in lines if line.startswith("  -")]) == 15
    assert len([line for line in lines if line.startswith("  pyfetch ")]) == 5
    assert "pyfetch --help" in lines[0]


def test_short_help_fits_a_narrow_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = manual.one_screen(command.params).splitlines()
    assert all(len(line) < 40 for line in lines if not line.startswith("  pyfetch"))
    assert {flags_in(line)[0] for line in lines if line.startswith("  -")} == {*manual.FIFTEEN}


@cases("example", [command for command, _ in manual.EXAMPLES])
def test_the_examples_of_the_help_are_command_lines(example: str) -> None:
    name, *arguments = shlex.split(example)
    assert name == "pyfetch"
    assert chosen(*arguments)


def test_the_pages_know_the_variables_and_exit_statuses_of_the_help() -> None:
    text = "".join(page.read_text() for page in DOCUMENTS)
    for names, _ in (*manual.ENVIRONMENT, *manual.EXIT_STATUSES):
        for name in names.replace("PYFETCH_OPTION", "PYFETCH_<OPTION>").split(", "):
            assert name in text


def test_the_words_of_other_tools_on_their_page_are_known() -> None:
    section = (PAGES / "other-tools.md").read_text()
    words = foreign_words()
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|$", section, re.MULTILINE)
    assert len(rows) > 5
    for typed, own in rows:
        assert {*flags_in(typed)} <= {*words, *flags_of_the_command()}
        assert {*flags_in(own)} <= {*flags_of_the_command(), "-O"}


def test_the_first_screen_of_the_readme_says_where_it_runs() -> None:
    first = " ".join(README.read_text().splitlines()[:24])
    assert "Linux and macOS are supported; Windows is not." in first


def test_man_page_and_documents_are_installed_with_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared[f"man/{MAN_PAGE.name}"] == "share/man/man1/pyfetch.1"
    linked = re.findall(r"\]\(([^/)#:]+)", README.read_text())
    assert {"docs", "SECURITY.md"} <= {*linked}
    for name in ("README.md", *linked):
        assert shared[name] == f"share/doc/pyfetch/{name}"


@cases("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(shell: str) -> None:
    ended = CliRunner().invoke(command, ["--completion", shell])
    assert "_PYFETCH_COMPLETE" in ended.output
    assert ended.exit_code == 0


@cases(
    ("typed", "kind"),
    [
        (["--cookies"], "file"), (["--cacert"], "file"), (["--checksums"], "file"),
        (["-O"], "file"), (["-o"], "dir"), ([], "file"), (["--rate"], None),
    ],
)  # fmt: skip
def test_completion_completes_files_and_directories(typed: list[str], kind: str | None) -> None:
    shell = ShellComplete(command, {}, "pyfetch", "_PYFETCH_COMPLETE")
    assert [one.type for one in shell.get_completions(typed, "u")] == ([kind] if kind else [])


def test_completion_completes_options_and_choices() -> None:
    shell = ShellComplete(command, {}, "pyfetch", "_PYFETCH_COMPLETE")
    assert "--workers" in [one.value for one in shell.get_completions([], "--w")]
    assert [one.value for one in shell.get_completions(["--format"], "j")] == ["jsonl"]


def test_without_options_the_settings_are_their_defaults() -> None:
    assert chosen("url") == Settings()


@cases("name", [n for n, s in SETTINGS.items() if isinstance(s.kind, Flag)])
def test_each_flag_turns_its_setting_round(name: str) -> None:
    together: dict[str, Any] = {
        "rate_total": ["--rate", "1/s"],
        "cluster_upload": ["--cluster", "tcp://127.0.0.1:1"],
    }
    flag = SETTINGS[name].flags[-1].rpartition("/")[2]
    assert getattr(chosen("url", flag, *together.get(name, [])), name) != SETTINGS[name].default


@cases("name", [n for n, s in SETTINGS.items() if isinstance(s.kind, Number)])
@pytest.mark.slow
def test_the_command_line_and_the_library_refuse_the_same_numbers(name: str) -> None:
    kind, flag = SETTINGS[name].kind, SETTINGS[name].flags[-1]
    assert isinstance(kind, Number)
    others = beside(name)
    options = [text for key, value in others.items() for text in (f"--{key}", str(value))]
    for value in (-1, 0, 1, 2000, 10**9, 10**20):
        try:
            settings_from(others | {name: value})
            fine = True
        except UsageError:
            fine = False
        text = f"{value}/s" if kind.metavar == "RATE" else str(value)
        if fine:
            assert getattr(chosen("url", flag, text, *options), name) == value
        else:
            with pytest.raises(click.UsageError) as raised:
                chosen("url", flag, text, *options)
            assert flag in raised.value.format_message()


@cases(
    ("arguments", "name", "value"),
    [
        (["--max-size", "1.5KiB"], "max_size", 1536),
        (["--limit-rate", "2k"], "limit_rate", 2048),
        (["--min-speed", "1K/s"], "min_speed", 1024),
        (["--rate", "120/min"], "rate", 2.0),
        (["-w", "auto"], "workers", "auto"),
        (["--timeout", "10s"], "timeout", 10.0),
        (["--max-time", "1m"], "max_time", 60.0),
        (["--connect-timeout", "500ms"], "connect_timeout", 0.5),
        (["--retry-wait", "2s"], "retry_wait", 2.0),
        (["--max-wait", "1h30m"], "max_wait", 5400.0),
        (["--wait-lock", "1d"], "wait_lock", 86400.0),
        (["--limit-rate", "1MB/s"], "limit_rate", 1_000_000),
        (["--min-free", "5G"], "min_free", 5 * 1024**3),
        (["--min-size", "1k"], "min_size", 1024),
        (["--rate", "1/10s"], "rate", 0.1),
        (["-H", "A: b", "--header", "C: d"], "headers", (("A", "b"), ("C", "d"))),
        (["--expect-type", "a/b", "--expect-type", "c/*"], "expect_type", ("a/b", "c/*")),
        (["--no-cpu-pin"], "cpu_pin", False),
        (["--no-cpu-pin", "--cpu-pin"], "cpu_pin", True),
        (["-o", "data"], "output_dir", "data"),
    ],
)
def test_an_option_s_text_becomes_the_setting_s_value(
    arguments: list[str], name: str, value: object
) -> None:
    assert getattr(chosen("url", *arguments), name) == value


def test_several_values_in_a_variable_stand_on_lines_or_between_blanks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Headers on lines of their own, since their values have blanks; media types need none."""
    monkeypatch.setenv("PYFETCH_HEADER", "A: b c\n\nD: e")
    monkeypatch.setenv("PYFETCH_EXPECT_TYPE", "a/b c/d")
    monkeypatch.setenv("PYFETCH_NO_STATE", "1")
    with command.make_context("pyfetch", ["url"], auto_envvar_prefix="PYFETCH") as context:
        settings = settings_from_options(context.params)
    assert settings.headers == (("A", "b c"), ("D", "e"))
    assert settings.expect_type == ("a/b", "c/d")
    assert settings.state is False
