"""`--exec`: what a command really gets, whatever the list and the URLs say."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

NOTE = "import json, sys; print(json.dumps(sys.argv[1:]), file=open('seen', 'a'))"
OUTS = [
    "a b.txt",
    "it's.txt",
    "$(touch x);`y`|z.txt",
    "{name}.txt",
    "*.txt",
    "-rf",
    "line\nbreak",
]


def noted(pyfetch: Command, arguments: str, *options: str) -> list[list[str]]:
    """What the command has got for each URL of `list.jsonl`, in their order."""
    (pyfetch.directory / "note.py").write_text(NOTE)
    ended = pyfetch(
        "list.jsonl", "--exec", f"{sys.executable} note.py {arguments}", "--cpus", "1", *options
    )
    assert ended.status == 0, ended.err
    lines = (pyfetch.directory / "seen").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.slow
def test_each_name_arrives_as_one_argument(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"x")
    items = [{"url": f"{server.url}/x?{number}", "out": out} for number, out in enumerate(OUTS)]
    (pyfetch.directory / "list.jsonl").write_text("\n".join(map(json.dumps, items)))
    seen = noted(pyfetch, "{path} --in={name} {index}", "-w", "1")
    assert len(seen) == len(OUTS)
    for path, with_name, _ in seen:
        assert (pyfetch.directory / path).read_bytes() == b"x"
        assert not path.startswith("-")
        assert with_name == f"--in={path}"
    assert {path for path, *_ in seen} >= {"a b.txt", "it's.txt", "{name}.txt"}
    assert sorted(int(index) for *_, index in seen) == [*range(1, len(OUTS) + 1)]
    assert not (pyfetch.directory / "x").exists()


def test_a_command_has_no_terminal_to_ask_for_a_password(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """In the background it would be stopped as soon as it asked, and the run would hang."""
    server.pages["/x"] = Page(b"x")
    (pyfetch.directory / "session.py").write_text(
        "import os, sys; open('session', 'w').write(f'{os.getsid(0)} {sys.stdin.read()}')"
    )
    ended = pyfetch(f"{server.url}/x", "--exec", f"{sys.executable} session.py {{path}}")
    assert ended.status == 0, ended.err
    session, read = (pyfetch.directory / "session").read_text().split(" ")
    assert int(session) != os.getsid(0)  # and with it, the terminal of this session
    assert not read


def test_a_column_that_looks_like_an_option_fails_its_url_alone(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"x")
    (pyfetch.directory / "list.csv").write_text(
        f"url,title\n{server.url}/x?1,--output=/etc/passwd\n{server.url}/x?2,a title\n"
    )
    ended = pyfetch(
        "list.csv", "--exec", "true {path} {input.title}", "--format", "jsonl",
        "--name", "{index}", "--failed-to", "failed.csv",
    )  # fmt: skip
    refused, done = ended.results
    assert ended.status == 1
    assert (refused["error"], refused["path"], refused["status"]) == ("exec", "1", 200)
    assert refused["detail"].startswith(
        "{input.title} is '--output=/etc/passwd', which the command"
    )
    assert (pyfetch.directory / "1").read_bytes() == b"x"
    assert (done["error"], done["outcome"]) == (None, "fetched")
    failed = (pyfetch.directory / "failed.csv").read_text()
    assert failed == f"url,title\n{server.url}/x?1,--output=/etc/passwd\n"


def test_a_shell_gets_names_as_arguments(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"content")
    ended = pyfetch(
        "--exec",
        'sh -c \'cat "$1" > "$1.copy"\' sh {path}',
        "-O",
        "$(touch y) z",
        f"{server.url}/x",
    )
    assert ended.status == 0, ended.err
    made = {one.name for one in pyfetch.directory.iterdir()}
    assert {"$(touch y) z", "$(touch y) z.copy"} <= made
    assert "y" not in made
