"""`--exec`: from a command with fields to the arguments for one file."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.compute.command_task import CommandTask
from pyfetch.errors import UsageError
from pyfetch.models import Failure, Outcome, Result, Target, TargetError
from pyfetch.urls import parse_url
from tests.support.cases import cases

URL = "https://me:secret@files.example/pub/a.tar.gz?sig=abc"
NOT_NUL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def words(
    template: str, path: str = "data/a.tar.gz", said: dict[str, Any] | None = None
) -> list[str]:
    """The arguments, after the program, for a file with this path."""
    target = Target(7, parse_url(URL), input=said)
    result = Result(7, URL, Outcome.FETCHED, file=path, sha256="ab12")
    return CommandTask(f"true {template}").arguments(target, result)[1:]


def refused(template: str, *arguments: Any) -> str:
    """Why there are no arguments for this file."""
    with pytest.raises(TargetError) as caught:
        words(template, *arguments)
    assert caught.value.failure is Failure.EXEC
    return caught.value.detail


@cases(
    ("template", "expected"),
    [
        ("{path}", ["data/a.tar.gz"]),
        ("{name} {stem} {ext}", ["a.tar.gz", "a", ".tar.gz"]),
        ("-C {dir} --in={path}", ["-C", "data", "--in=data/a.tar.gz"]),
        ("{index}-{sha256}", ["7-ab12"]),
        ("'{stem} of {index}' x\\ y \"a'b\"", ["a of 7", "x y", "a'b"]),
        ("{{path}} '' {{}}", ["{path}", "", "{}"]),
        ("", []),
    ],
)
def test_fields_are_filled_into_the_words_that_a_shell_would_make(
    template: str, expected: list[str]
) -> None:
    assert words(template) == expected


def test_the_url_is_shown_without_its_secrets() -> None:
    """`ps` shows the arguments of each process."""
    assert words("{url}") == ["https://***@files.example/pub/a.tar.gz?sig=***"]


def test_the_program_is_found_in_the_path_once() -> None:
    target = Target(1, parse_url(URL))
    result = Result(1, URL, Outcome.FETCHED, file="x")
    assert CommandTask("true").arguments(target, result) == [shutil.which("true")]


@cases(
    "name",
    [
        "a b",
        "a'b\"c",
        "a\nb",
        "$(touch x)",
        "`x`;x|x>x",
        "*",
        "{name}",
        "ü\udcff",
        "~",
        "\\",
        "a--",
    ],
)
def test_a_name_stays_one_argument_whatever_is_in_it(name: str) -> None:
    assert words("--in={path} {path} {name}", f"data/{name}") == [
        f"--in=data/{name}", f"data/{name}", name,
    ]  # fmt: skip


@given(NOT_NUL.filter(lambda text: text not in {".", ".."} and "/" not in text and text))
def test_what_the_command_gets_is_what_the_file_is_called(name: str) -> None:
    """Whatever it is, and whatever shells, templates and options make of it."""
    (got,) = words("{path}", name)
    assert Path(got) == Path(name)
    assert not got.startswith("-")
    assert words("-- {name} x{name}", f"d/{name}") == ["--", name, f"x{name}"]


@cases("template", ["{path}", "{path}.bak", "{dir}"])
def test_a_path_is_never_an_option(template: str) -> None:
    (word,) = words(template, "-rf/-x" if template == "{dir}" else "-rf")
    assert word.startswith("./-rf")


@cases("field", ["{name}", "{stem}", "{input.title}"])
def test_a_name_or_column_that_looks_like_an_option_is_refused(field: str) -> None:
    """Else whoever wrote the list, or its URLs, would say what the command does."""
    said = {"title": "--checkpoint-action=exec=sh"}
    detail = refused(field, "data/--checkpoint-action=exec=sh", said)
    assert detail.startswith(f"{field} is '--checkpoint-action")
    assert f"write -- before it, or ./{field}" in detail
    assert words(f"-- {field}", "data/-x", {"title": "-x"}) == ["--", "-x"]
    assert words(f"./{field} to={field}", "data/-x", {"title": "-x"}) == ["./-x", "to=-x"]


def test_a_word_of_two_fields_is_no_option_either() -> None:
    assert "option" in refused("{input.a}{name}", "data/-x", {"a": ""})


@cases("number", [-5, "-5", "-0.5", -1.5])
def test_a_number_below_zero_is_no_option(number: object) -> None:
    assert words("{input.angle}", "x", {"angle": number}) == [str(number)]


def test_columns_of_the_list_are_fields() -> None:
    said = {"title": "Die Brücke", "n": 5, "empty": "", "in": {"ner": True}}
    got = words("{input.title} '{input.n} of' {input.empty} {input.in.ner}", "x", said)
    assert got == ["Die Brücke", "5 of", "", "true"]
    assert CommandTask("true {input.b} {input.a}{input.b}").columns == ("b", "a")


@cases(
    ("said", "why"),
    [
        ({"b": 1}, "there is no 'a', which {input.a} needs (there are b)"),
        (None, "there is no 'a', which {input.a} needs"),
        ({"a": None}, "'a' is null"),
        ({"a": [1]}, "'a' is neither a text nor a number"),
        ({"a": "x\0y"}, "has a NUL character"),
    ],
)
def test_a_record_that_says_nothing_fit_fails_alone(said: dict[str, Any] | None, why: str) -> None:
    assert why in refused("{input.a}", "x", said)


def test_a_digest_that_is_not_known_is_not_made_up() -> None:
    result = Result(1, URL, Outcome.SKIPPED, file="x")
    with pytest.raises(TargetError, match="not known"):
        CommandTask("true {sha256}").arguments(Target(1, parse_url(URL)), result)


def test_a_locale_without_the_characters_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.fsencode", lambda text: text.encode("latin-1"))
    assert words("{input.a}", "x", {"a": "ü"}) == ["ü"]
    detail = refused("{input.a}", "x", {"a": "日本" + "x" * 500})
    assert "locale has no characters" in detail
    assert "PYTHONUTF8=1" in detail
    assert detail.isascii()


# Commands that cannot be used


@cases(
    ("template", "why"),
    [
        ("", "is empty (write one like 'unzip -q {path}')"),
        ("  ", "is empty"),
        ("'' x", "is empty"),
        ("no-such-program {path}", "there is no program 'no-such-program' in PATH"),
        ("./no-such-program {path}", "there is no ./no-such-program"),
        ("/ {path}", "/ is a directory"),
        ("true {pth}", "no field {pth} (there are {path}, {name}, {dir}, {stem}, {ext}, {url}"),
        ("true {}", "no field {} (write {path} for the file; write {{ and }} for braces)"),
        ("true {input.}", "no field {input.}"),
        ("true '{print $1}'", "{{ and }} for braces"),
        ("true {path:5}", "takes no format and no conversion (write {path})"),
        ("true {path!r}", "takes no format and no conversion (write {path})"),
        ("true {path", "'{path' has a brace that begins or ends no field (write {{ or }})"),
        ("true path}", "'path}' has a brace"),
        ("true 'x", "a quotation mark is not closed"),
        ('true "x', "a quotation mark is not closed"),
        ("true x\\", "ends with a backslash"),
        ("true x\0", "NUL"),
        ("{path}", "neither a file nor a list decides what is run"),
        ("./{name} {path}", "neither a file nor a list decides what is run"),
    ],
)
def test_a_command_that_cannot_be_used_is_refused_and_says_why(template: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        CommandTask(template)
    message = str(caught.value)
    assert message.startswith("the command ")
    assert why in message
    assert "\n" not in message


def test_a_file_that_may_not_be_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run it").write_text("#!/bin/sh\n")
    with pytest.raises(UsageError, match=r"run it may not be run \(chmod \+x './run it'\)"):
        CommandTask("'./run it' {path}")
    Path("run it").chmod(0o700)
    assert "run it" in repr(CommandTask("'./run it' {path}"))


@cases("operator", ["|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"])
def test_what_only_a_shell_knows_is_refused_unless_it_is_quoted(operator: str) -> None:
    with pytest.raises(UsageError, match="no shell runs it") as caught:
        CommandTask(f"true {{path}} {operator} x")
    assert "sh {path}" in str(caught.value)
    assert words(f"'{operator}' a{operator}b") == [operator, f"a{operator}b"]


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'gzip {path}'",
        "env LC_ALL=C bash -euo pipefail -c 'gzip {path}' x",
        "sh -e -c 'gzip {name}'",
        "nice /bin/dash -xc 'x{input.title}x'",
        "sh -o errexit -c {name}",
        f"{shlex.quote(sys.executable)} -W error -c 'print(\"{{path}}\")'",
    ],
)
def test_no_name_of_a_file_is_run_as_code(command: str) -> None:
    """`$(…)` in a URL would be a command of its own."""
    if "bash" in command and not shutil.which("bash"):
        pytest.skip("there is no bash")
    with pytest.raises(UsageError, match="would run what the name of a file says"):
        CommandTask(command)


def test_code_gets_the_name_as_an_argument(tmp_path: Path) -> None:
    """As the sentence says that is shown for the wrong way."""
    file = tmp_path / "$(touch touched) 'x"
    file.write_text("content")
    target = Target(1, parse_url(URL))
    task = CommandTask("sh -c 'cat < \"$1\"' sh {path}")
    arguments = task.arguments(target, Result(1, URL, Outcome.FETCHED, file=str(file)))
    ended = subprocess.run(arguments, cwd=tmp_path, capture_output=True, check=True)
    assert ended.stdout == b"content"
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    assert CommandTask("sh script -c {path}")
    assert CommandTask("sh -e script {path}")


# What is remembered


def identity(template: str, version: str | None = None, said: dict[str, Any] | None = None) -> str:
    return CommandTask(template, version).identity(Target(1, parse_url(URL), input=said))


def test_a_command_is_another_one_if_its_text_version_or_columns_are_others() -> None:
    identities = [
        identity("true {path}"),
        identity("true  {path}"),
        identity("true {path}", "1"),
        identity("true {path}", "2"),
        identity("true {input.a} {input.b}", None, {"a": "xy", "b": ""}),
        identity("true {input.a} {input.b}", None, {"a": "x", "b": "y"}),
    ]
    assert len(set(identities)) == len(identities)
    assert identity("true {input.a}", None, {"a": 1, "c": 1}) == identity(
        "true {input.a}", None, {"a": 1, "c": 2}
    )
    assert all(len(one) == 16 for one in identities)


def test_what_the_list_does_not_say_still_has_an_identity() -> None:
    assert identity("true {input.a}") == identity("true {input.a}", None, {"a": None})
