"""The command that tries again what has failed."""

from __future__ import annotations

import pytest

from pyfetch.cli.again import command_again


@pytest.mark.parametrize(
    ("arguments", "sources", "failed_to", "command"),
    [
        (["urls.txt", "-o", "a b"], ["urls.txt"], None,
         "pyfetch urls.txt -o 'a b' --failed-to failed.txt"),
        (["urls.txt", "-w", "3", "--failed-to", "bad"], ["urls.txt"], "bad",
         "pyfetch bad -w 3 --failed-to bad"),
        (["-o", "data"], ["-"], None, "… | pyfetch -o data --failed-to failed.txt"),
        (["-H", "X-Token: s3cret", "urls.txt"], ["urls.txt"], None,
         "pyfetch … --failed-to failed.txt"),
        (["--header=X-Token: s3cret", "urls.txt"], ["urls.txt"], None,
         "pyfetch … --failed-to failed.txt"),
        (["-u", "me:s3cret", "http://h/"], ["http://h/"], None,
         "pyfetch … --failed-to failed.txt"),
        (["http://me:s3cret@h/"], ["http://me:s3cret@h/"], None,
         "pyfetch … --failed-to failed.txt"),
        ([f"http://host/{n}" for n in range(99)], ["x"], None, "pyfetch … --failed-to failed.txt"),
    ],
)  # fmt: skip
def test_it_has_the_arguments_of_the_run_and_no_secret(
    arguments: list[str], sources: list[str], failed_to: str | None, command: str
) -> None:
    assert command_again(arguments, sources, failed_to) == command
