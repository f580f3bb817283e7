"""The options: made from the settings, and the README's table from the options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from pyfetch.cli.command import command
from pyfetch.cli.parameters import OPTIONS, settings_from_options
from pyfetch.errors import UsageError
from pyfetch.settings import SETTINGS, Settings, settings_from
from pyfetch.settings.kinds import Flag, Number
from tools.option_table import option_table, with_table

README = Path(__file__).parents[3] / "README.md"


def chosen(*arguments: str) -> Settings:
    """The settings that these arguments choose."""
    with command.make_context("pyfetch", [*arguments]) as context:
        return settings_from_options(context.params)


def test_the_readme_has_the_table_that_make_docs_writes() -> None:
    text = README.read_text()
    assert with_table(text) == text, "run `make docs`"


@pytest.mark.parametrize(
    "row",
    [
        "| `-w`, `--workers N\\|auto` | 8 | ",
        "| `--timeout S` | 30 | ",
        "| `--no-state` | off | ",
        "| `--cpu-pin / --no-cpu-pin` | on | ",
        "| `--max-size SIZE` | none | ",
        "| `-o`, `--output-dir DIR` | `.` | ",
        "| `--format table\\|tsv\\|jsonl` | table on a terminal, else tsv | ",
        "| `-V`, `--version` |  | ",
    ],
)
def test_the_table_names_flags_and_default_of_an_option(row: str) -> None:
    assert any(line.startswith(row) for line in option_table().splitlines())


def test_a_readme_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="make docs"):
        with_table("# pyfetch\n")


def test_every_option_is_in_the_help_and_in_the_table() -> None:
    table = option_table()
    with command.make_context("pyfetch", [], resilient_parsing=True) as context:
        shown = command.get_help(context)
        options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    assert len(options) == len(OPTIONS) + 2  # --version and --help
    for option in options:
        for flag in (*option.opts, *option.secondary_opts):
            assert flag in shown
            assert flag in table


def test_without_options_the_settings_are_their_defaults() -> None:
    assert chosen("url") == Settings()


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if isinstance(s.kind, Flag)])
def test_each_flag_turns_its_setting_round(name: str) -> None:
    together: dict[str, Any] = {"rate_total": ["--rate", "1/s"]}
    flag = SETTINGS[name].flags[-1].rpartition("/")[2]
    assert getattr(chosen("url", flag, *together.get(name, [])), name) != SETTINGS[name].default


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if isinstance(s.kind, Number)])
def test_the_command_line_and_the_library_refuse_the_same_numbers(name: str) -> None:
    kind, flag = SETTINGS[name].kind, SETTINGS[name].flags[-1]
    assert isinstance(kind, Number)
    for value in (-1, 0, 1, 2000, 10**9, 10**20):
        try:
            settings_from({name: value})
            fine = True
        except UsageError:
            fine = False
        text = f"{value}/s" if kind.metavar == "RATE" else str(value)
        if fine:
            assert getattr(chosen("url", flag, text), name) == value
        else:
            with pytest.raises(click.UsageError) as raised:
                chosen("url", flag, text)
            assert flag in raised.value.format_message()


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--max-size", "1.5KiB"], "max_size", 1536),
        (["--limit-rate", "2k"], "limit_rate", 2048),
        (["--min-speed", "1K/s"], "min_speed", 1024),
        (["--rate", "120/min"], "rate", 2.0),
        (["-w", "auto"], "workers", "auto"),
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
