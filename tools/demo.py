"""The show: 2,000 real files from the loopback, a slow one, twelve failures, a kill and a resume.

Every byte is compared at the end. Run it with `make demo`, on a terminal or without one. The files
are the running Python's own library.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pyfetch.output.screen.live import LAST_WORDS
from tests.support.server import Handler, LoopbackServer, Page

URLS = 2000
FAILING = {404: 6, 403: 3, 500: 2}
"""URLs that fail, by the status that the server answers with; one more is refused a connection."""
KILLED_AFTER = 900
"""Requests after which the first run is killed."""
LARGEST = 3_000_000
PIECES = 64
"""In which the slow file is sent: each when so much of the whole list has been asked for."""
LONGEST_PAUSE = 0.5
"""Seconds that a piece waits at most, whatever was asked for."""

OUTPUT = Path("demo-data")
PYFETCH = [sys.executable, "-m", "pyfetch"]
ON_A_TERMINAL = sys.stdout.isatty()


class Origin:
    """A server with the files, and the list of their URLs: the slow one first."""

    def __init__(self, server: LoopbackServer, refusing: str) -> None:
        self._server = server
        self._run_began_at = 0
        self.files: dict[str, Path] = {}
        """By URL, the files that are to come."""
        chosen = _library(URLS - sum(FAILING.values()) - 1)
        largest = max(chosen, key=lambda name: chosen[name].stat().st_size)
        self.slow = self._add(largest, chosen.pop(largest))
        slow = self.slow.removeprefix(server.url)
        server.routes[slow] = lambda handler: self._send_slowly(handler, server.pages[slow])
        good = [self._add(name, file) for name, file in chosen.items()]
        self.failing = [f"{refusing}/refused"]
        for status, number in FAILING.items():
            for place in range(number):
                path = f"/failing/{status}-{place}"
                server.routes[path] = _answer_with(status)
                self.failing.append(server.url + path)
        step = len(good) // len(self.failing)
        for place, url in enumerate(self.failing):
            good.insert((place + 1) * step, url)
        self.urls = [self.slow, *good]

    def run_begins(self) -> None:
        """What was asked for before does not count any more for the pace of the slow file."""
        self._run_began_at = len(self._server.asked)

    @property
    def asked(self) -> int:
        """Requests since the run began."""
        return len(self._server.asked) - self._run_began_at

    def range_of_slow(self) -> str:
        """What the last request for the slow file asked for."""
        path = self.slow.removeprefix(self._server.url)
        last = [asked for asked in self._server.asked if asked.path == path][-1]
        return last.headers.get("Range", "all of it")

    def _add(self, name: str, file: Path) -> str:
        path = "/" + quote(name)
        self._server.pages[path] = Page(file.read_bytes(), file.stat().st_mtime)
        url = self._server.url + path
        self.files[url] = file
        return url

    def _send_slowly(self, handler: Handler, page: Page) -> None:
        start, whole = 0, len(page.body)
        headers = {"ETag": page.etag or "", "Content_Type": "application/octet-stream"}
        wanted = handler.headers.get("Range")
        if wanted and handler.headers.get("If-Range") == page.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            headers["Content_Range"] = f"bytes {start}-{whole - 1}/{whole}"
        length = str(whole - start)
        handler.head(206 if start else 200, Content_Length=length, **headers)
        size = whole // PIECES + 1
        for place in range(start, whole, size):
            handler.send(page.body[place : place + size])
            handler.wfile.flush()
            until = time.monotonic() + LONGEST_PAUSE
            while self.asked < URLS * place / whole and time.monotonic() < until:
                time.sleep(0.005)


def _library(number: int) -> dict[str, Path]:
    """So many files of the running Python's library, small and large ones, by their names."""
    found: dict[str, Path] = {}
    for kind in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(kind))
        for file in sorted(root.rglob("*")):
            within = file.relative_to(root)
            odd = {"__pycache__", "site-packages"} & {*within.parts} or "/." in f"/{within}"
            if not odd and file.is_file() and file.stat().st_size <= LARGEST:
                found[f"{kind}/{within.as_posix()}"] = file
    if len(found) < number:
        raise SystemExit(f"this Python has only {len(found)} files of its own, too few for a show")
    names = list(found)
    return {name: found[name] for name in names[:: len(names) // number][:number]}


def _answer_with(status: int) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(status, b"no\n")


@contextmanager
def _refusing() -> Iterator[str]:
    """The address of a port that accepts no connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def main() -> int:
    began = time.monotonic()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    with LoopbackServer() as server, _refusing() as refusing, tempfile.TemporaryDirectory() as tmp:
        origin = Origin(server, refusing)
        urls, failed = Path(tmp, "urls.txt"), Path(tmp, "failed.txt")
        urls.write_text("".join(f"{url}\n" for url in origin.urls))
        command = [
            str(urls),
            "-o",
            str(OUTPUT),
            "--name",
            "{dir}/{name}",
            "--failed-to",
            str(failed),
        ]
        command += ["--retries", "1", "--retry-wait", "0.2"]
        size = sum(file.stat().st_size for file in origin.files.values())
        _say(
            f"A list of {len(origin.urls):,} URLs: {len(origin.files):,} files of Python's library,"
            f" {size / 1e6:.1f} MB, in their folders. The first is slow, and"
            f" {len(origin.failing)} are going to fail."
        )
        _say("$ pyfetch urls.txt -o demo-data --name '{dir}/{name}' --failed-to failed.txt")
        _killed_run(origin, command)
        there = _compared(origin, _planned(command))
        _say(
            f"\nThat was kill -9 after {origin.asked:,} requests. {there:,} files have"
            " got their names, and each is the server's, byte by byte. The same command again:"
        )
        origin.run_begins()
        status = subprocess.run([*PYFETCH, *command, *_shown()], check=False).returncode
        _check(status == 1, f"the exit status is {status}, not 1")
        _say(
            f"\nThe slow file went on where it was ({origin.range_of_slow()}). What was there was"
            " not sent again: the server was only asked whether it had changed."
        )
        there = _compared(origin, _planned(command))
        _check(there == len(origin.files), f"{len(origin.files) - there} files are missing")
        _check(sorted(failed.read_text().split()) == sorted(origin.failing), "others failed")
    subprocess.run([*PYFETCH, "--verify", "--quiet", "-o", str(OUTPUT)], check=True)
    _say(
        f"All {there:,} files are the same as the originals, byte by byte; pyfetch --verify agrees,"
        f" with the server gone. failed.txt has the {len(origin.failing)} URLs that failed, and no"
        f" other. {time.monotonic() - began:.1f} s in all."
    )
    return 0


def _killed_run(origin: Origin, command: list[str]) -> None:
    """Begin the run, and kill it in the middle."""
    origin.run_begins()
    run = subprocess.Popen([*PYFETCH, *command, *_shown()])
    while origin.asked < KILLED_AFTER and run.poll() is None:
        time.sleep(0.005)
    run.kill()
    _check(run.wait() == -signal.SIGKILL, "the run ended before it was killed")
    if ON_A_TERMINAL:
        # A killed process leaves its bars, and the cursor hidden. The run that follows sets the
        # terminal's own progress anew.
        print(f"\x1b[0m{LAST_WORDS.decode()}", flush=True)


def _shown() -> list[str]:
    """On a terminal what is running, and what fails; else only what failed, and the summary."""
    return ["--rows", "failures"] if ON_A_TERMINAL else ["--quiet"]


def _planned(command: list[str]) -> dict[str, Path]:
    """Where the file of each URL goes, as `--plan` says."""
    plan = [*PYFETCH, *command, "--plan", "--format", "jsonl", "--quiet"]
    told = subprocess.run(plan, check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in told.splitlines()]
    return {row["url"]: Path(row["path"]) for row in rows}


def _compared(origin: Origin, places: dict[str, Path]) -> int:
    """How many files are there. Each is compared with its original."""
    there = {url: places[url] for url in origin.files if places[url].exists()}
    for url, place in there.items():
        _check(place.read_bytes() == origin.files[url].read_bytes(), f"{place} differs")
    return len(there)


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"The demo failed: {otherwise}")


def _say(sentence: str) -> None:
    print(f"\x1b[1m{sentence}\x1b[0m" if ON_A_TERMINAL else sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
