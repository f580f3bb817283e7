"""The configuration file: what counts more than what, what is shown of it, and what is refused."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyfetch.cli.command import command
from pyfetch.cli.config.layers import is_configurable, key_of
from tests.support.command import Command, Ended
from tests.support.documents import PAGES, blocks
from tests.support.server import LoopbackServer, Page

URL = "http://127.0.0.1:1/"


def shown(ended: Ended) -> dict[str, tuple[str, str]]:
    """Of each line of `--show-config`: its key, its value, and where that comes from."""
    assert ended.status == 0, ended.err
    lines = re.findall(r"(?m)^(?:# )?([a-z0-9-]+)(?: = (.*?)| is not set) +# (.*)$", ended.out)
    return {key: (value, source) for key, value, source in lines}


def test_the_command_line_counts_more_than_variables_profile_and_defaults(
    pyfetch: Command,
) -> None:
    """In that order; and each value says where it comes from."""
    pyfetch.configure(
        "[defaults]\nworkers = 1\nretries = 1\nmax-wait = 1\nmax-redirects = 1\n"
        "[profile.nightly]\nworkers = 2\nretries = 2\nmax-wait = 2\n"
        "[profile.other]\nmax-redirects = 7\n"
    )
    pyfetch.environment |= {"PYFETCH_WORKERS": "3", "PYFETCH_RETRIES": "3"}
    values = shown(pyfetch("--profile", "nightly", "--workers", "4", "--show-config"))
    assert values["workers"] == ("4", "command line")
    assert values["retries"] == ("3", "PYFETCH_RETRIES")
    assert values["max-wait"] == ("2", "[profile.nightly], line 9")
    assert values["max-redirects"] == ("1", "[defaults], line 5")
    assert values["max-time"] == ("", "built in")
    assert values["min-speed"] == ("10", "built in")


def test_variables_of_other_tools_that_hold_are_named(pyfetch: Command) -> None:
    pyfetch.environment |= {"https_proxy": "http://p", "CURL_CA_BUNDLE": "x", "NETRC": "y"}
    values = shown(pyfetch("--show-config", "--netrc-file", "z"))
    assert values["proxy"] == ("", "from https_proxy")
    assert values["cacert"] == ("", "from CURL_CA_BUNDLE")
    assert values["netrc-file"] == ('"z"', "command line")


def test_every_option_that_may_stand_in_a_file_is_shown(pyfetch: Command) -> None:
    values = shown(pyfetch("--show-config"))
    options = [one for one in command.params if one.param_type_name == "option"]
    assert set(values) == {key_of(one) for one in options if is_configurable(one)}  # type: ignore[arg-type]
    for key in ("config", "profile", "show-config", "plan", "cleanup", "verify", "prune"):
        assert key not in values


def test_what_is_shown_is_a_configuration_that_says_the_same(
    pyfetch: Command, tmp_path: Path
) -> None:
    pyfetch.configure(
        '[defaults]\noutput-dir = "da\\"ta"\nrate = "100/s"\nmax-size = "1.5K"\nno-state = true\n'
        'expect-type = ["a/b", "c/*"]\nretry-status = "+418,-500"\nallow-failures = "2.5%"\n'
        'timeout = 0.5\nworkers = "auto"\nverbose = 2\n[host."*"]\nrate = "1/min"\nretries = 0\n'
    )
    first = pyfetch("--show-config").out
    options = first[: first.index("[host")]
    tables = first[first.index("[host") :].replace("0.0166667/s", "1/min")
    copy = tmp_path / "copy.toml"
    copy.write_text(f"[defaults]\n{options}\n{tables}")
    second = pyfetch("--show-config", "--config", str(copy)).out

    def values(text: str) -> list[str]:
        return [line.partition("  #")[0].rstrip() for line in text.splitlines()[1:]]

    assert values(first) == values(second)
    assert 'output-dir = "da\\"ta"' in first


def test_secrets_are_masked_where_the_configuration_is_shown(pyfetch: Command) -> None:
    pyfetch.configure(
        '[defaults]\nheader = "Authorization: Bearer s3cret"\nproxy = "http://me:s3cret@proxy/"\n'
        'base = "https://me:s3cret@host/"\nstore-option = ["session=s3cret"]\n'
        '[host."a.test"]\nuser = "me:s3cret"\nheader = ["X-Key: s3cret"]\n'
        'proxy = "http://me:s3cret@proxy:8/"\n'
    )
    ended = pyfetch("--show-config", "-H", "Cookie: s3cret")
    assert ended.status == 0
    assert "s3cret" not in ended.out + ended.err
    assert 'user = "me:***"' in ended.out
    assert 'header = ["X-Key: ***"]' in ended.out
    assert shown(ended)["proxy"][0] == '"http://***@proxy:8/"'
    assert shown(ended)["store-option"][0] == '["session=***"]'


def test_values_of_a_host_that_do_not_hold_say_why(pyfetch: Command) -> None:
    pyfetch.configure(
        '[host."*.example.org"]\nper-host = 4\nrate = "5/s"\ntimeout = 5\nretries = 1\n'
        'header = ["A: b", "C: d"]\nlimit-rate = "1M"\n'
    )
    pyfetch.environment["PYFETCH_RETRIES"] = "3"
    ended = pyfetch(
        "--show-config", "--per-host", "2", "--timeout", "3", "--rate", "9/s", "-H", "c: e"
    )
    told = ended.out[ended.out.index("[host") :]
    assert re.search(r"per-host = 4 +# line 2; the general per-host is stricter and holds", told)
    assert re.search(r'rate = "5/s" +# line 3$', told, re.MULTILINE)
    assert re.search(r"timeout = 5 +# line 4; not used: the command line", told)
    assert re.search(r"retries = 1 +# line 5; not used: .* variable", told)
    assert re.search(r"header = .* +# line 6; not used in part", told)
    assert re.search(r"limit-rate = 1048576 +# line 7$", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("configured", "option", "key"),
    [
        ('cacert = "x"', "--insecure", "cacert"),
        ('netrc-file = "x"', "--no-netrc", "netrc-file"),
        ("no-netrc = true", "--netrc-file=x", "no-netrc"),
        ("ipv6 = true", "-4", "ipv6"),
        ('proxy = "http://127.0.0.1:1"', "--public-only", "proxy"),
        ("fail-fast = true", "--allow-failures=1", "fail-fast"),
    ],
)
def test_what_a_file_says_gives_way_to_an_option_that_excludes_it(
    pyfetch: Command, configured: str, option: str, key: str
) -> None:
    """Two options of the command line that do are an error, as before."""
    (pyfetch.directory / "x").write_text("")
    pyfetch.configure(f"[defaults]\n{configured}\n")
    assert shown(pyfetch("--show-config", option))[key][1].startswith(
        "[defaults], line 2; not used beside"
    )
    ended = pyfetch("--plan", option, URL)
    assert ended.status == 0, ended.err


def test_headers_of_all_sections_add_up(pyfetch: Command, server: LoopbackServer) -> None:
    """A more specific one replaces those of its name; other options that repeat are replaced."""
    server.pages["/x"] = Page(b"x")
    pyfetch.configure(
        '[defaults]\nheader = ["A: 1", "B: 1", "C: 1"]\nexpect-type = "a/b"\n'
        '[profile.p]\nheader = ["b: 2", "D: 2"]\nexpect-type = "c/d"\n'
    )
    arguments = ("--profile", "p", "-H", "c: 3", "-H", "E: 3")
    values = shown(pyfetch("--show-config", *arguments))
    assert values["header"][1] == "[defaults], line 2, [profile.p], line 5, command line"
    assert values["expect-type"] == ('["c/d"]', "[profile.p], line 6")
    pyfetch("--discard", *arguments, f"{server.url}/x")
    sent = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert {name: sent.get(name) for name in "abcde"} == {
        "a": "1", "b": "2", "c": "3", "d": "2", "e": "3",
    }  # fmt: skip


def test_a_run_does_what_the_defaults_say(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"a")
    pyfetch.configure('[defaults]\nformat = "jsonl"\noutput-dir = "data"\nquiet = true\n')
    ended = pyfetch(f"{server.url}/a")
    assert ended.results[0]["path"] == "data/a"
    assert ended.err == ""
    assert pyfetch("--plan", f"{server.url}/b").results[0]["path"] == "data/b"
    (pyfetch.directory / "data" / ".pyfetch" / "parts").mkdir(exist_ok=True)
    assert pyfetch("--cleanup").status == 0


def test_nothing_in_the_current_directory_is_read_by_itself(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A folder from a stranger must not set a proxy."""
    server.pages["/a"] = Page(b"a")
    proxy = '[defaults]\nproxy = "http://127.0.0.1:1"\n'
    for place in ("config.toml", "pyfetch.toml", ".pyfetch.toml", "pyfetch/config.toml"):
        file = pyfetch.directory / place
        file.parent.mkdir(exist_ok=True)
        file.write_text(proxy)
    for home in ("", ".", "pyfetch/.."):
        pyfetch.environment["XDG_CONFIG_HOME"] = home
        pyfetch.environment["HOME"] = "/nowhere"
        assert pyfetch("--discard", f"{server.url}/a").status == 0
    pyfetch.environment["HOME"] = "."
    assert pyfetch("--discard", f"{server.url}/a").status == 0


def test_without_a_directory_for_configurations_the_file_is_below_dot_config(
    pyfetch: Command,
) -> None:
    pyfetch.configure("[defaults]\nworkers = 3\n")
    del pyfetch.environment["XDG_CONFIG_HOME"]
    pyfetch.environment["HOME"] = str(pyfetch.directory)
    assert shown(pyfetch("--show-config"))["workers"][0] == "3"


def test_in_the_home_of_another_user_there_is_no_configuration(
    pyfetch: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a service that another user's environment has come along with."""
    true_stat = os.stat

    def closed(path: str, **options: Any) -> os.stat_result:
        if path == str(pyfetch.configuration):
            raise PermissionError(errno.EACCES, "Permission denied")
        return true_stat(path, **options)

    monkeypatch.setattr("pyfetch.cli.config.options.os.stat", closed)
    assert shown(pyfetch("--show-config"))["workers"] == ("8", "built in")


def test_no_config_reads_none_and_config_reads_another(pyfetch: Command, tmp_path: Path) -> None:
    pyfetch.configure("[defaults]\nworkers = 3\n")
    other = tmp_path / "other.toml"
    other.write_text("[defaults]\nretries = 9\n")
    assert shown(pyfetch("--show-config", "--no-config"))["workers"] == ("8", "built in")
    values = shown(pyfetch("--show-config", "--config", "other.toml"))
    assert (values["workers"][0], values["retries"][0]) == ("8", "9")
    pyfetch.environment["PYFETCH_CONFIG"] = str(other)
    assert shown(pyfetch("--show-config"))["retries"][0] == "9"
    assert shown(pyfetch("--show-config", "--no-config"))["retries"][0] == "3"


def test_a_variable_turns_off_what_the_file_turns_on(pyfetch: Command) -> None:
    pyfetch.configure("[defaults]\ndiscard = true\n")
    assert shown(pyfetch("--show-config"))["discard"][0] == "true"
    pyfetch.environment["PYFETCH_DISCARD"] = "0"
    assert shown(pyfetch("--show-config"))["discard"] == ("false", "PYFETCH_DISCARD")


def test_files_to_read_are_beside_the_configuration_and_those_to_write_are_not(
    pyfetch: Command,
) -> None:
    """In the current directory, a stranger may have put a file of that name."""
    pyfetch.configure(
        '[defaults]\ncookies = "jar"\ncacert = "~/ca"\noutput-dir = "data"\nfailed-to = "~/f"\n'
        'header = ["@token", "A: b"]\n',
        0o644,  # the token is in another file
    )
    pyfetch.configuration.with_name("token").write_text("Authorization: Bearer s3cret\n")
    (pyfetch.directory / "token").write_text("X-Stranger: c\n")
    pyfetch.environment["HOME"] = "/home/me"
    values = shown(pyfetch("--show-config"))
    assert values["header"][0] == '["Authorization: ***", "A: ***"]'
    assert values["cookies"][0] == f'"{pyfetch.configuration.with_name("jar")}"'
    assert values["cacert"][0] == '"/home/me/ca"'
    assert values["output-dir"][0] == '"data"'
    assert values["failed-to"][0] == '"/home/me/f"'


WRONG = [
    ("[defaults]\nwrokers = 3\n", "line 2", "wrokers", "did you mean workers?"),
    ("[defaults]\nper_host = 3\n", "line 2", "per_host", "write it per-host"),
    ("[defaults]\nstate = false\n", "line 2", "state", "called no-state"),
    ("[defaults]\nno-discard = true\n", "line 2", "no-discard", "called discard"),
    ("[defaults]\n\n\nzzz = 3\n", "line 4", "zzz", "no such option"),
    ("[defaults]\ncleanup = true\n", "line 2", "cleanup", "command line only"),
    ("[defaults]\nprune = true\n", "line 2", "prune", "command line only"),
    ('[defaults]\nconfig = "x"\n', "line 2", "config", "command line only"),
    ("[default]\nworkers = 3\n", "line 1", "[default]", "did you mean defaults?"),
    ("[server]\n", "line 1", "[server]", "there are defaults, profile.NAME"),
    ("workers = 3\n", "line 1", "workers", "below [defaults]"),
    ("defaults = 3\n", "line 1", "defaults", "a section: [defaults]"),
    ('[[host]]\nname = "h"\n', "", "host", 'a section: [host."EXAMPLE.ORG"]'),
    ("[profile]\nworkers = 3\n", "line 2", "[profile] workers", "below [profile.NAME]"),
    ("[profile.unused]\nworkers = 0\n", "line 2", "workers", "from 1 to 1024"),
    ("[defaults]\nworkers = 2000\n", "line 2", "workers", "from 1 to 1024"),
    ("[defaults]\nworkers = true\n", "line 2", "workers", "not true"),
    ("[defaults]\nworkers = 1.5\n", "line 2", "workers", "whole number"),
    ("[defaults]\nworkers = [1]\n", "line 2", "workers", "from 1 to 1024"),
    ('[defaults]\ndiscard = "yes"\n', "line 2", "discard", "true or false"),
    ('[defaults]\nunordered = "yes"\n', "line 2", "unordered", "true or false"),
    ("[defaults]\nname = 3\n", "line 2", "name", "text"),
    ("[defaults]\nbase = 3\n", "line 2", "base", "text"),
    ('[defaults]\nverbose = "x"\n', "line 2", "verbose", "whole number"),
    ('[defaults]\nformat = "xml"\n', "line 2", "format", "jsonl"),
    ('[defaults]\nif-exists = "burn"\n', "line 2", "if-exists", "refresh"),
    ("[defaults]\nrate = 5\n", "line 2", "rate", "5/s"),
    ('[defaults]\nmax-size = "10X"\n', "line 2", "max-size", "10M"),
    ('[defaults]\nallow-failures = "x"\n', "line 2", "allow-failures", "5%"),
    ('[defaults]\nheader = "X"\n', "line 2", "header", "Name: value"),
    ("[defaults]\nheader = [3]\n", "line 2", "header", "text"),
    ("[defaults]\ntimeout = 2026-01-01\n", "line 2", "timeout", "number"),
    ('[host."*.example.org"]\nworkers = 3\n', "line 2", "workers", "hosts have no such setting"),
    ('[host."*.example.org"]\nper-hots = 3\n', "line 2", "per-hots", "did you mean per-host?"),
    ('[host."https://h/"]\nretries = 3\n', "line 1", "https://h/", "names no hosts"),
    ('[host."a.*.org"]\nretries = 3\n', "line 1", "a.*.org", "names no hosts"),
    ("[host.example.org]\nretries = 3\n", "line 1", "example", 'quote the whole name'),
    ("[host]\nretries = 3\n", "line 2", "retries", 'below [host."example.org"]'),
    ('[host."h"]\nproxy = "x"\n', "line 2", "proxy", "no URL"),
    ('[host."h"]\nuser = "me"\n', "line 2", "user", "NAME:PASSWORD"),
    ('[host."a.t"]\n[host."A.t."]\n', "line 2", '[host."A.t."]', '[host."a.t"] is for the same'),
    ("[host.a.example.org]\nretries = 3\n", "", "example", '[host."a.example.org"]'),
    ('[host."h"]\nuser = "a:b"\nheader = "authorization: c"\n', "line 1", "host.h", "choose one"),
    ('[host."h"]\nuser-agent = "a"\nheader = "User-Agent: c"\n', "line 1", "host.h", "choose one"),
    ('[host."h"]\nuser-agent = "a\\nb"\n', "line 2", "user-agent", "no header may have"),
    ('[defaults]\nuser = "me:x"\n', "line 2", "user", "below [host."),
    ("[defaults]\nworkers = \n", ", line 2: no TOML", "invalid value", ""),
    ("[defaults]\nworkers = 1\nworkers = 2\n", "no TOML", "overwrite", ""),
    ('[defaults]\nheader = "@missing"\n', "line 2", "header", "cannot read"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "what"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_in_a_file_is_named_with_its_line_and_what_to_do(
    pyfetch: Command, text: str, line: str, key: str, what: str
) -> None:
    pyfetch.configure(text)
    ended = pyfetch("--discard", URL)
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith(f"pyfetch: {pyfetch.configuration}")
    assert all(part in ended.err for part in (line, key, what))
    assert ended.err.count("\n") == 1


def test_help_is_there_whatever_is_wrong_with_the_configuration(pyfetch: Command) -> None:
    pyfetch.configure("[defaults]\nwrokers = 3\n")
    pyfetch.environment["PYFETCH_WROKERS"] = "3"
    for question in ("-h", "--help", "--version"):
        assert pyfetch(question).status == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--profile", "p"], "there are q"),
        (["--profile", "p", "--no-config"], "exclude each other"),
        (["--config", "q.toml", "--no-config"], "exclude each other"),
        (["--config", "q.toml"], "cannot read the configuration q.toml: No such file"),
        (["--config", "."], "cannot read the configuration .: Is a directory"),
    ],
)
def test_a_configuration_that_is_named_and_cannot_be_had_is_a_usage_error(
    pyfetch: Command, arguments: list[str], what: str
) -> None:
    pyfetch.configure("[profile.q]\n")
    ended = pyfetch("--discard", *arguments, URL)
    assert ended.status == 2
    assert what in ended.err


def test_a_profile_without_any_file_is_a_usage_error(pyfetch: Command) -> None:
    ended = pyfetch("--profile", "p", URL)
    assert ended.status == 2
    assert str(pyfetch.configuration) in ended.err


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PYFETCH_WROKERS", "PYFETCH_WORKERS"), ("PYFETCH_NOSTATE", "PYFETCH_NO_STATE"),
        ("PYFETCH_CONCURRENCY", None), ("PYFETCH_STATE", None), ("PYFETCH_workers", None),
        ("PYFETCH_SOURCES", None), ("PYFETCH_H", None),
    ],
)  # fmt: skip
def test_a_variable_that_stands_for_no_option_is_a_usage_error(
    pyfetch: Command, name: str, meant: str | None
) -> None:
    pyfetch.environment[name] = "3"
    ended = pyfetch("--discard", URL)
    assert ended.status == 2
    assert name in ended.err
    assert ("did you mean" in ended.err) is (meant is not None)
    assert (meant or "unset it") in ended.err


def test_variables_of_others_are_no_concern_of_ours(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Kubernetes names a service of ours to the containers beside it; empty is as unset."""
    server.pages["/x"] = Page(b"x")
    pyfetch.environment |= {
        "PYFETCH_SERVICE_HOST": "10.0.0.1", "PYFETCH_PORT_80_TCP_ADDR": "10.0.0.1",
        "PYFETCH_PORT": "tcp://10.0.0.1:80", "PYFETCH_WROKERS": "", "MY_PYFETCH_WROKERS": "1",
    }  # fmt: skip
    assert pyfetch("--discard", f"{server.url}/x").status == 0


@pytest.mark.parametrize(
    "secret",
    [
        '[host."h"]\nuser = "me:s3cret"\n',
        '[host."h"]\nheader = "Authorization: s3cret"\n',
        '[defaults]\nproxy = "http://me:s3cret@h/"\n',
        '[defaults]\nheader = ["Accept: a/b", "X-Api-Key: s3cret"]\n',
        '[profile.p]\nheader = "Cookie: s3cret"\n',
    ],
)
def test_a_secret_that_others_can_read_is_refused(pyfetch: Command, secret: str) -> None:
    for mode, is_fine in ((0o600, True), (0o640, False), (0o604, False)):
        pyfetch.configure(secret, mode)
        ended = pyfetch("--show-config")
        assert ended.status == (0 if is_fine else 2)
        assert "s3cret" not in ended.out + ended.err
        if not is_fine:
            assert f"chmod 600 {pyfetch.configuration}" in ended.err
            assert "line 2" in ended.err
    named = pyfetch("--show-config", "--config", str(pyfetch.configuration))
    assert named.status == 0


def test_what_is_no_secret_may_be_read_by_all_and_written_by_the_owner_alone(
    pyfetch: Command,
) -> None:
    pyfetch.configure('[defaults]\nworkers = 3\nheader = "Accept: a/b"\n', 0o664)
    assert pyfetch("--show-config").status == 0
    pyfetch.configuration.chmod(0o666)
    ended = pyfetch("--show-config")
    assert ended.status == 2
    assert "chmod o-w" in ended.err
    assert pyfetch("--show-config", "--config", str(pyfetch.configuration)).status == 0
    assert pyfetch("--show-config", "--no-config").status == 0


def test_a_file_of_another_user_is_refused_but_for_one_of_root(
    pyfetch: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyfetch.configure("[defaults]\nworkers = 3\n")
    inode = pyfetch.configuration.stat().st_ino
    true_status = os.fstat

    def owned_by(user: int) -> Callable[[int], os.stat_result]:
        def status(descriptor: int) -> os.stat_result:
            fields = list(true_status(descriptor))
            if fields[stat.ST_INO] == inode:
                fields[stat.ST_UID] = user
            return os.stat_result(fields)

        return status

    monkeypatch.setattr("pyfetch.cli.config.file.os.fstat", owned_by(12345))
    ended = pyfetch("--show-config")
    assert ended.status == 2
    assert "another user" in ended.err
    monkeypatch.setattr("pyfetch.cli.config.file.os.fstat", owned_by(0))
    assert pyfetch("--show-config").status == 0


def test_the_example_of_its_page_is_a_configuration(pyfetch: Command) -> None:
    (example,) = blocks(PAGES / "configuration.md", "toml")
    pyfetch.configure(example.code)
    ended = pyfetch("--show-config", "--profile", "nightly")
    assert ended.status == 0, ended.err
    assert "not used" not in ended.out
