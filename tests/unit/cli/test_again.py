"""The command that tries again what has failed."""

from __future__ import annotations

import shlex

from pyfetch.cli.again import Again, command_again
from pyfetch.cli.command import command as pyfetch
from pyfetch.cli.output_options import OutputOptions
from pyfetch.settings import Pack, Settings
from tests.support.cases import cases

_WRITING = "--failed-to failed.txt"


def _again(
    line: str,
    settings: Settings | None = None,
    *,
    failed_to: str | None = None,
    checksums: str | None = None,
) -> Again:
    output = OutputOptions(failed_to=failed_to, checksums=checksums)
    return command_again(shlex.split(line), pyfetch.params, settings or Settings(), output)


@cases(
    ("line", "command"),
    [
        ("urls.txt -o 'a b'", f"pyfetch urls.txt -o 'a b' {_WRITING}"),
        ("-o data", f"… | pyfetch -o data {_WRITING}"),
        ("-o data -", f"pyfetch -o data - {_WRITING}"),
        ("http://me:s3cret@h/", f"pyfetch … {_WRITING}"),
        ("'http://h/?X-Amz-Signature=s3cret'", f"pyfetch … {_WRITING}"),
        (" ".join(f"http://host/{n}" for n in range(99)), f"pyfetch … {_WRITING}"),
        (f"-w 3 http://{'x' * 200}/", f"pyfetch … -w 3 {_WRITING}"),
        ("-w 3 -- -x.txt", f"pyfetch {_WRITING} -w 3 -- -x.txt"),
    ],
)  # fmt: skip
def test_it_has_the_arguments_of_the_run_and_no_secret(line: str, command: str) -> None:
    again = _again(line)
    assert again.command == command
    assert again.why_whole == "without --failed-to, the whole list is looked at again"


@cases(
    ("line", "command"),
    [
        ("urls.txt -w 3 --failed-to bad", "pyfetch bad -w 3 --failed-to bad"),
        ("urls.txt --prune -y --yes --failed-to bad", "pyfetch bad --failed-to bad"),
        ("SHA256SUMS --input-format checksums --failed-to=bad", "pyfetch bad --failed-to bad"),
        ("bad --failed-to bad", "pyfetch bad --failed-to bad"),
        ("data -o data --failed-to bad", "pyfetch bad -o data --failed-to bad"),
        ("-nc -i urls.txt --failed-to bad", "pyfetch bad --if-exists skip --failed-to bad"),
        ("--input-file=urls.txt --failed-to bad", "pyfetch bad --failed-to bad"),
        ("--failed-to bad -- urls.txt", "pyfetch bad --failed-to bad"),
    ],
)
def test_what_failed_takes_the_place_of_the_list_alone(line: str, command: str) -> None:
    """Not of an option's value that has the same name, however list and options are written."""
    assert _again(line, failed_to="bad") == Again(command)


@cases(
    ("line", "settings", "checksums", "why"),
    [
        ("urls.txt --checksums sums", Settings(), "sums",
         "with the whole list: --checksums writes what the list names"),
        ("urls.txt --pack webdataset --pack-list table",
         Settings(pack=Pack.WEBDATASET, pack_list="table"), None,
         "with the whole list: --pack-list writes what the list names"),
        ("urls.txt --name '{index:03}{ext}'", Settings(name="{index:03}{ext}"), None,
         "with the whole list: {index} in --name is the place in it"),
        ("urls.txt --exec 'mv {path} {index}'", Settings(exec="mv {path} {index}"), None,
         "with the whole list: {index} in --exec is the place in it"),
    ],
)  # fmt: skip
def test_the_whole_list_stays_where_what_failed_says_too_little(
    line: str, settings: Settings, checksums: str | None, why: str
) -> None:
    """Else a file about the whole list would be replaced, and names would be those of others."""
    line = f"{line} --failed-to bad"
    assert _again(line, settings, failed_to="bad", checksums=checksums) == Again(
        f"pyfetch {line}", why
    )


def test_one_url_that_is_saved_under_a_name_is_its_own_list() -> None:
    line = "-O page.html http://h/ --failed-to bad"
    assert _again(line, failed_to="bad") == Again(f"pyfetch {line}", "")


@cases(
    "settings",
    [
        Settings(headers=(("A", "b"),)),
        Settings(user="me:pw"),
        Settings(proxy="http://me:pw@h:1"),
        Settings(store_option=(("session", "s3cret"),)),
    ],
)
def test_arguments_are_not_shown_where_one_may_be_a_secret(settings: Settings) -> None:
    """However it is written: `-vHA:b` too."""
    assert _again("x", settings).command == f"pyfetch … {_WRITING}"
