"""The command that tries again what has failed."""

from __future__ import annotations

from pyfetch.cli.again import command_again
from pyfetch.settings import Settings
from tests.support.cases import cases


@cases(
    ("arguments", "sources", "failed_to", "command"),
    [
        (["urls.txt", "-o", "a b"], ["urls.txt"], None,
         "pyfetch urls.txt -o 'a b' --failed-to failed.txt"),
        (["urls.txt", "-w", "3", "--failed-to", "bad"], ["urls.txt"], "bad",
         "pyfetch bad -w 3 --failed-to bad"),
        (["urls.txt", "--prune", "-y", "--yes", "--failed-to", "bad"], ["urls.txt"], "bad",
         "pyfetch bad --failed-to bad"),
        (["-o", "data"], ["-"], None, "… | pyfetch -o data --failed-to failed.txt"),
        (["http://me:s3cret@h/"], ["http://me:s3cret@h/"], None,
         "pyfetch … --failed-to failed.txt"),
        (["http://h/?X-Amz-Signature=s3cret"], ["http://h/?X-Amz-Signature=s3cret"], None,
         "pyfetch … --failed-to failed.txt"),
        ([f"http://host/{n}" for n in range(99)], ["x"], None, "pyfetch … --failed-to failed.txt"),
        (["-w", "3", f"http://{'x' * 200}/"], [f"http://{'x' * 200}/"], None,
         "pyfetch … -w 3 --failed-to failed.txt"),
    ],
)  # fmt: skip
def test_it_has_the_arguments_of_the_run_and_no_secret(
    arguments: list[str], sources: list[str], failed_to: str | None, command: str
) -> None:
    assert command_again(arguments, sources, failed_to, Settings()) == command


@cases(
    "settings",
    [Settings(headers=(("A", "b"),)), Settings(user="me:pw"), Settings(proxy="http://me:pw@h:1")],
)
def test_arguments_are_not_shown_where_one_may_be_a_secret(settings: Settings) -> None:
    """However it is written: `-vHA:b` too."""
    assert command_again(["x"], ["x"], None, settings) == "pyfetch … --failed-to failed.txt"
