"""Files on a server, and functions and commands that are run for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.command import Command, Ended, InstalledCommand
from tests.support.server import LoopbackServer, Page

JOBS = '''
import os, signal, subprocess, sys, threading, time
from pathlib import Path

def note(file, line):
    with open(file, "a") as notes:
        notes.write(f"{line}\\n")

def count(path):
    note("computed", path.name)

def square(path, result):
    count(path)
    number = int(path.read_text())
    if number == 1:
        time.sleep(0.1)  # the others overtake it
    return number ** 2

def process(path, result):
    time.sleep(0.05)
    return os.getpid()

def in_four_processes(path, result):
    """Wait until four of them are at work, but not for ever."""
    note("at work", os.getpid())
    until = time.monotonic() + 10
    while len(set(open("at work"))) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    return os.getpid()

def does_nothing(path, result): pass

def files(path, result):
    """How many files there are that are not computed, at most, while it is at work."""
    most = 0
    for _ in range(5):
        most = max(most, sum(1 for file in path.parent.iterdir() if file.is_file()))
        time.sleep(0.002)
    return most

def ends_at_every_50th(path, result):
    count(path)
    if int(path.read_text()) % 50 == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    return path.read_text()

def waits(path, result):
    child = subprocess.Popen(["sleep", "60"])
    note("processes", f"{os.getpid()} {child.pid}")
    while not os.path.exists("go on"):
        time.sleep(0.01)
    child.kill()
    return "done"

def is_nan(path, result): return float("nan")
def is_bytes(path, result): return b"bytes"
def is_set(path, result): return {1}
def is_large(path, result): return "x" * 2_000_000
def hangs(path, result): threading.Event().wait()
def fails(path, result): raise ValueError(f"no thumbnail\\tof {path.name}")
def exits(path, result): sys.exit(3)

def crashes(path, result): os.kill(os.getpid(), signal.SIGSEGV)

def changes(path, result):
    path.write_text("changed")
    return "changed"

def removes(path, result):
    path.unlink()
    return "removed"

def prints(path, result):
    """100 MB."""
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)
    return "printed"

def does(path, result):
    """What the file says: the name of a function here."""
    count(path)
    return globals()[path.read_text()](path, result)
'''
COUNTED = "sh -c 'basename \"$1\" >> computed' sh {path}"
"""A command that counts its files."""


class Job:
    """Files on a server, and what is computed with them in the directory `data`."""

    def __init__(self, pyfetch: Command | InstalledCommand, server: LoopbackServer) -> None:
        self.pyfetch = pyfetch
        self.server = server
        self.directory = pyfetch.directory
        self.data = self.directory / "data"
        self.jobs = self.directory / "jobs.py"
        self.jobs.write_text(JOBS)
        self.listed = self.directory / "urls.txt"

    def has(self, *contents: object) -> list[str]:
        """Let the server have pages with these contents, and the list their URLs."""
        pages = {f"/{place}": str(content) for place, content in enumerate(contents, 1)}
        self.server.pages |= {path: Page(content.encode()) for path, content in pages.items()}
        urls = [f"{self.server.url}{path}" for path in pages]
        self.listed.write_text("".join(f"{url}\n" for url in urls))
        return urls

    def arguments(self, *arguments: str) -> tuple[str, ...]:
        where = () if "-o" in arguments else ("-o", "data")
        return ("urls.txt", *where, *arguments, "--format", "jsonl")

    def run(self, *arguments: str, status: int = 0) -> Ended:
        ended = self.pyfetch(*self.arguments(*arguments))
        assert ended.status == status, ended.err
        return ended

    def values(self, *arguments: str) -> list[Any]:
        return [result["value"] for result in self.run(*arguments).results]

    def computed(self) -> list[str]:
        """The names of the files that were computed since this was asked last."""
        notes = self.directory / "computed"
        lines = notes.read_text().splitlines() if notes.exists() else []
        notes.write_text("")
        return lines

    def files(self) -> list[str]:
        return sorted(path.name for path in self.data.iterdir() if path.is_file())


SLOW = """
import os, time
def slow(path, result):
    with open("begun", "a") as notes:
        notes.write(f"{path.name} {os.getpid()}\\n")
    while not os.path.exists("go on"):
        time.sleep(0.01)
    return path.read_text()
"""
SLOW_COMMAND = (
    'sh -c \'trap "" TERM; echo "$1 $$" >> begun; until test -e "go on"; do sleep 0.01; done\''
    " sh {name} {path}"
)
SLOW_TASKS = [("--map", "slow.py:slow"), ("--exec", SLOW_COMMAND)]
"""Tasks that are at work until there is a file `go on`. `slow.py` has `SLOW` in it."""


def begun(directory: Path) -> list[tuple[str, int]]:
    """Name of the file and process of each slow task that was begun."""
    notes = directory / "begun"
    lines = notes.read_text().splitlines() if notes.exists() else []
    return [(name, int(process)) for name, process in map(str.split, lines)]
