"""Web archives: read by `warcio`, checked by its command, and replayed by pywb."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, Self

from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

from tests.support.waiting import LONGEST_WAIT

ROOT = Path(__file__).parent.parent.parent
PYWB = ROOT / ".venv-pywb" / "bin"
"""Where `make .venv-pywb/ready` puts pywb, which needs another package of the name `brotli`."""
_WARCIO = str(Path(sysconfig.get_path("scripts"), "warcio"))


class Record(NamedTuple):
    """A record of an archive."""

    kind: str
    fields: dict[str, str]
    head: str
    """Of the message of HTTP in it, as `warcio` reads it; empty where there is none."""
    body: bytes

    @property
    def url(self) -> str:
        return self.fields.get("WARC-Target-URI", "")

    @property
    def url_path(self) -> str:
        """Path and query of its URL, for a record of a response; else empty."""
        return "/" + self.url.split("/", 3)[-1] if self.kind in ("response", "revisit") else ""


def records(*files: Path) -> list[Record]:
    """All records of these files. Fails if a digest in one is wrong."""
    found = []
    for file in files:
        with file.open("rb") as stream:
            for record in ArchiveIterator(stream, check_digests="raise"):
                head = record.http_headers.to_str() if record.http_headers else ""
                fields = dict(record.rec_headers.headers)
                found.append(Record(record.rec_type, fields, head, record.raw_stream.read()))
    return found


def archives(directory: Path) -> list[Path]:
    """The archives of a run into this directory."""
    return sorted(directory.glob("*.warc.gz"))


def check(*files: Path) -> None:
    """Fail unless `warcio check` is content."""
    checker = Checker(SimpleNamespace(inputs=[*map(str, files)], verbose=False))
    assert checker.process_all() == 0


def check_by_command(*files: Path) -> None:
    """The same by the command itself."""
    subprocess.run([_WARCIO, "check", *map(str, files)], check=True, timeout=60)


class Replay:
    """pywb over some archives, for a `with` statement."""

    def __init__(self, directory: Path, *files: Path) -> None:
        """`directory`: an empty one of its own."""
        self._directory = directory
        self._run("wb-manager", "init", "all")
        self._run("wb-manager", "add", "all", *map(str, files))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]

    def _run(self, *command: str) -> None:
        subprocess.run(
            [PYWB / command[0], *command[1:]], cwd=self._directory, check=True, timeout=60,
            capture_output=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [PYWB / "wayback", "-b", "127.0.0.1", "-p", str(self._port)], cwd=self._directory,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + LONGEST_WAIT
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return self
            assert self._process.poll() is None, "pywb has ended"
            assert time.monotonic() < until, "pywb does not answer"
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def get(self, url: str) -> tuple[int, str | None, bytes]:
        """Status, media type and body of what the archive has for a URL, as it was."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.request("GET", f"/all/id_/{url}")
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read()


def by_url(found: list[Record], *kinds: str) -> Iterator[tuple[str, str, bytes]]:
    """URL, kind and body of the records of these kinds."""
    return ((record.url, record.kind, record.body) for record in found if record.kind in kinds)


def refers_to(record: Record, other: Record) -> None:
    """Fail unless a record is one without a body, which another one has."""
    assert record.kind == "revisit"
    assert record.body == b""
    assert record.head.startswith("HTTP/1.1 200 OK")
    assert record.fields["WARC-Refers-To-Target-URI"] == other.url
    assert record.fields["WARC-Refers-To-Date"] == other.fields["WARC-Date"]
    assert record.fields["WARC-Payload-Digest"] == other.fields["WARC-Payload-Digest"]
