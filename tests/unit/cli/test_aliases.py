"""Words of other tools: what each becomes here, or the sentence that it gets."""

from __future__ import annotations

import contextlib
import re
import shlex
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.cli.aliases import ALIASES, BY_VALUE, DONE_ANYWAY, INSTEAD
from pyfetch.cli.command import command
from pyfetch.cli.manual import LISTED
from pyfetch.cli.parameters import NOTES
from pyfetch.cli.translation import foreign_words, translated
from pyfetch.errors import UsageError
from tests.support.cases import cases

OWN = {
    flag
    for option in command.params
    if isinstance(option, click.Option)
    for flag in (*option.opts, *option.secondary_opts)
}
WORDS = foreign_words()
TABLES = (ALIASES, BY_VALUE, DONE_ANYWAY, INSTEAD)


def parsed(line: str) -> dict[str, Any]:
    """What the command takes from these arguments of a shell."""
    with command.make_context("pyfetch", shlex.split(line)) as context:
        return context.params


def outcome(line: str) -> dict[str, Any] | str:
    """The same, or what is said of a wrong value."""
    try:
        return parsed(line)
    except click.UsageError as error:
        return error.format_message()


def notes(line: str) -> list[str]:
    with command.make_context("pyfetch", shlex.split(line)) as context:
        return list(context.meta.get(NOTES, ()))


MEANT = {
    "-j 16 URL": "--workers 16 URL",
    "-j16 URL": "--workers 16 URL",
    "--jobs=16 URL": "--workers 16 URL",
    "--parallel-max 16 URL": "--workers 16 URL",
    "--max-concurrent-downloads=16 URL": "--workers 16 URL",
    "--transfers 16 URL": "--workers 16 URL",
    "--max-connection-per-server 4 URL": "--per-host 4 URL",
    "-i list": "list",
    "a -i list b": "a list b",
    "--input-file=list": "list",
    "-i -": "-",
    "--url http://h/ -v": "http://h/ -v",
    "-A me URL": "-H 'User-Agent: me' URL",
    "--user-agent 'me 1.0' URL": "-H 'User-Agent: me 1.0' URL",
    "-e http://from/ URL": "-H 'Referer: http://from/' URL",
    "--referer=http://from/ URL": "-H 'Referer: http://from/' URL",
    "--oauth2-bearer abc URL": "-H 'Authorization: Bearer abc' URL",
    "--no-cache URL": "-H 'Cache-Control: no-cache' URL",
    "-k URL": "--insecure URL",
    "--no-verify-ssl URL": "--insecure URL",
    "--no-check-certificate URL": "--insecure URL",
    "--check-certificate=false URL": "--insecure URL",
    "--check-certificate=true URL": "URL",
    "-x http://p:1 URL": "--proxy http://p:1 URL",
    "-x p:3128 URL": "--proxy http://p:3128 URL",
    "--all-proxy=http://p:1 URL": "--proxy http://p:1 URL",
    "--socks5 p:1 URL": "--proxy socks5://p:1 URL",
    "--socks5-hostname p:1 URL": "--proxy socks5h://p:1 URL",
    "-m 1m URL": "--max-time 60 URL",
    "-T 10 URL": "--timeout 10 URL",
    "--read-timeout=10 URL": "--timeout 10 URL",
    "--max-retries 5 URL": "--retries 5 URL",
    "--retry 5 URL": "--retries 5 URL",
    "--tries=5 URL": "--retries 4 URL",
    "--tries=0 URL": "--retries 1000000 URL",
    "--max-tries=2 URL": "--retries 1 URL",
    "--retry-delay 2 URL": "--retry-wait 2 URL",
    "--retry-on-http-error=404,418 URL": "--retry-status 404,418 URL",
    "--wait 2 URL": "--rate 30/min URL",
    "--wait=1m URL": "--rate 1/min URL",
    "-Y 100 URL": "--min-speed 100 URL",
    "--lowest-speed-limit=10K URL": "--min-speed 10K URL",
    "--max-overall-download-limit=1M URL": "--limit-rate 1M URL",
    "--max-filesize 10M URL": "--max-size 10M URL",
    "--max-redirs 3 URL": "--max-redirects 3 URL",
    "--max-redirect=3 URL": "--max-redirects 3 URL",
    "--directory-prefix=data URL": "-o data URL",
    "--out-dir data URL": "-o data URL",
    "--dir=data URL": "-o data URL",
    "--output x URL": "-O x URL",
    "--output-document=x URL": "-O x URL",
    "-b a=1 URL": "-H 'Cookie: a=1' URL",
    "-b jar URL": "--cookies jar URL",
    "--load-cookies jar URL": "--cookies jar URL",
    "--ca-certificate=ca URL": "--cacert ca URL",
    "--certificate=c --private-key=k URL": "--cert c --key k URL",
    "-B http://h/ list": "--base http://h/ list",
    "-J URL": "--content-disposition URL",
    "-nc URL": "--if-exists skip URL",
    "--skip-existing URL": "--if-exists skip URL",
    "--no-clobber URL": "--if-exists skip URL",
    "--force-directories URL": "--name '{host}/{dir}/{name}' URL",
    "--fail-early URL": "--fail-fast URL",
    "--save-session=f URL": "--failed-to f URL",
    "-y --prune URL": "--yes --prune URL",
    "--append-output=log URL": "--log-file log URL",
    "--no-progress-meter URL": "--progress none URL",
    "--dry-run URL": "--plan URL",
    "--json URL": "--format jsonl URL",
    "-s URL": "-q URL",
    "--silent URL": "--quiet URL",
    "--server-response URL": "-vv URL",
    "--inet4-only URL": "-4 URL",
    "-fsSL URL": "-q URL",
    "-sSLkm 5s URL": "-q --insecure --max-time 5 URL",
    "-kw4 -o data URL": "--insecure -w 4 -o data URL",
    "-k -w=4 URL": "--insecure -w =4 URL",
    "-k -o -L -- -j": "--insecure -o -L -- -j",
}
"""What another tool takes, and what it is here."""


@pytest.mark.slow
def test_a_word_of_another_tool_means_what_our_own_does() -> None:
    for typed, meant in MEANT.items():
        assert outcome(typed) == outcome(meant), typed


@pytest.mark.slow
def test_each_alias_is_a_command_line_of_ours() -> None:
    """With a value that its option takes, in each of the ways in which it may be written."""
    for flags, becomes in ALIASES.items():
        for flag in flags.split():
            assert_becomes(flag, becomes)


def assert_becomes(flag: str, becomes: str) -> None:
    option = becomes.split()[0]
    value = {"--proxy": "p:3128", "--retry-status": "404", "--config": "/dev/null"}.get(option, "5")
    value = "http://h/" if option == "--base" else value
    meant = parsed(f"{becomes.replace('VALUE', value)} URL" if option != "--" else f"{value} URL")
    if not flag.endswith("="):
        assert parsed(f"{flag} URL") == meant
        return
    name = flag.removesuffix("=")
    joined = f"{name}={value}" if name.startswith("--") else f"{name}{value}"
    for typed in (f"{name} {value} URL", f"{joined} URL"):
        assert parsed(typed) == meant


def test_a_word_for_what_happens_anyway_changes_nothing_and_says_so() -> None:
    noted = {flag: word for flag, word in WORDS.items() if word.note}
    assert len(noted) > 50
    for flag, word in noted.items():
        line = [flag, "value", "URL"] if word.takes_value else [flag, "URL"]
        assert translated(line, command.params) == (["--", "URL"], [f"{flag}: {word.note}"])


def test_words_with_the_same_reason_get_one_sentence() -> None:
    assert notes("-c -L -C - URL") == [
        "-c, -C: resuming is automatic: run the same command again",
        "-L: redirects are followed",
    ]


def test_a_word_for_what_is_done_in_another_way_gets_a_sentence() -> None:
    said = [(flag, sentence) for flags, sentence in INSTEAD.items() for flag in flags.split()]
    for flag, sentence in said:
        for line in ([flag, "URL"], ["URL", flag], [flag, "5", "URL"]):
            with pytest.raises(click.UsageError) as raised:
                translated(line, command.params)
            assert sentence in raised.value.format_message()
            assert flag in raised.value.format_message()


@cases(
    ("typed", "said"),
    [
        ("-x16 URL", "-x is the proxy, as in curl. For aria2's -x 16, write --per-host 16"),
        ("-x http://h/file", "wget's -x"),
        ("-s16 URL", "write -w 16"),
        ("-m http://h/", "-m is the longest time"),
        ("-T file URL", "uploads nothing"),
        ("-b http://h/", "nohup pyfetch"),
        ("-e robots=off URL", "For wget's -e robots=off: leave it out"),
        ("-n1 URL", "leave xargs' -n1 out"),
        ("--tries=inf URL", "--tries takes a number, not 'inf'"),
        ("-d a=b URL", "only sends GET requests"),
        ("--concurrency 8 URL", "--workers N"),
        ("--continue=never URL", "--continue takes no value"),
        ("-j", "-j needs a value"),
        ("--jobs", "--jobs needs a value"),
        ("-k --discard=1 URL", "does not take a value"),
    ],
)
def test_a_value_that_another_tool_would_take_gets_what_to_write(typed: str, said: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        parsed(typed)
    assert said in raised.value.format_message()


@cases("line", ["-s17 URL", "-x 16 URL"])
def test_no_sentence_names_its_word_twice(line: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        parsed(line)
    assert not re.match(r"(-\w)\d*: \1", raised.value.format_message())


@cases(
    ("typed", "meant"),
    [
        ("--wrokers", "--workers"),
        ("--worker", "--workers"),
        ("--retires", "--retries"),
        ("--max-siz", "--max-size"),
        ("--outputdir", "--output-dir"),
        ("--no-chek-certificate", "--no-check-certificate"),
    ],
)
def test_a_word_with_up_to_two_wrong_letters_gets_the_right_one(typed: str, meant: str) -> None:
    with pytest.raises(click.UsageError, match=f"no option {typed} .did you mean {meant}"):
        parsed(f"{typed} 8 URL")


@cases("typed", ["--foo", "--nope", "--currency", "-W", "-LWk"])
def test_no_other_word_gets_a_suggestion(typed: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        parsed(f"{typed} URL")
    said = raised.value.format_message()
    assert "mean" not in said
    assert "pyfetch --help" in said


_ANY_WORD = st.sampled_from([*sorted(WORDS), *sorted(OWN), "--", "-", "16", "a=b", "http://h/", ""])


@given(st.lists(_ANY_WORD | st.builds("{}={}".format, _ANY_WORD, st.text()) | st.text()))
@pytest.mark.slow
def test_no_command_line_makes_another_error(arguments: list[str]) -> None:
    """It is translated and parsed, or the user is told what is wrong."""
    with contextlib.suppress(click.UsageError, UsageError, click.exceptions.Exit):
        assert "--" in translated(arguments, command.params).arguments
        with command.make_context("pyfetch", arguments) as context:
            assert isinstance(context.params["sources"], tuple)


def test_each_word_stands_in_the_tables_once_and_is_no_option_of_ours() -> None:
    flags = [
        flag.removesuffix("=") for table in TABLES for flags in table for flag in flags.split()
    ]
    assert sorted(set(flags)) == sorted(flags)
    assert not OWN & set(flags)


def test_each_option_that_a_sentence_names_is_there() -> None:
    sentences = [*DONE_ANYWAY.values(), *INSTEAD.values(), LISTED]
    named = {
        flag for text in sentences for flag in re.findall(r"(?<!\S)[(]?(--[a-z][a-z-]+)", text)
    }
    assert named <= OWN | set(WORDS)
    becomes = {part for text in ALIASES.values() for part in text.split() if part[:2] == "--"}
    assert becomes - {"--"} <= OWN


def test_the_words_that_help_lists_work() -> None:
    listed = re.findall(r"(?<![\w(-])--?[\w-]+", re.sub(r"\([^)]*\)", "", LISTED))
    assert len(listed) > 15
    assert set(listed) <= set(WORDS)


def test_our_own_options_pass_through_a_translation_as_they_are() -> None:
    line = ["-k", "-w", "8", "--name={stem}", "-vv", "--no-cpu-pin", "-o", "-x", "a", "--", "-j"]
    assert translated(line, command.params).arguments == [
        *("--insecure", "-w", "8", "--name", "{stem}", "-v", "-v", "--no-cpu-pin", "-o", "-x"),
        *("--", "a", "-j"),
    ]
