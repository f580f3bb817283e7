"""Each line of shell code in README and docs/ does what it is shown for."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.support.cases import cases
from tests.support.command import InstalledCommand
from tests.support.documents import DOCUMENTS, PAGES, README, ROOT, Block, blocks
from tests.support.server import LoopbackServer, Page, basic

if TYPE_CHECKING:  # loads the client of buckets
    from tests.support.buckets import BucketServer

NOT_RUN = {
    r"^pip install|^uv |^pipx ": "would install into this machine",
    r"^tail -f ": "has no end",
    r"minio\.example": "needs a server of that name: the environment names that of the tests",
    r"--cluster(-file)? (tcp|scheduler)": "needs a cluster, as tests/stress starts one",
    r"^(warcio|wb-manager|wayback) ?": "tests/stress/test_replay.py runs these",
    r"--completion (zsh|fish)": "is no line for bash; bash's is run",
}
"""Lines that no test runs, and why."""
DOCUMENTS_WITH_LINES = [page for page in DOCUMENTS if any(blocks(page, "sh", "crontab"))]
MADE = {
    "README.md": {
        "data/a", "data/a.iso", "images/17.jpg", "images/18.png", "page.html", "report.html",
        "set/000000.tar", "crawl/crawl-00000.warc.gz", "mirror/one.txt", "thumbs/17", "thumbs/18",
        "archives/a/one.txt", "pages.jsonl",
    },
    "packs.md": {"data/000000.tar", "packs.tsv"},
    "archives.md": {"crawl/crawl-00000.warc.gz"},
    "compute.md": {
        "data/one.txt.gz", "results.tsv", "thumbs/17", "archives/a/one.txt", "sources/one.txt",
        "pages.jsonl",
    },
    "index.md": {"page.html", "data/one.txt"},
    "names.md": {"00002.txt", "17.jpg", "given.bin"},
    "other-tools.md": {"a", "data/one.txt"},
    "rerun.md": {"data/one.txt"},
    "scale.md": {"part-0.txt"},
    "stores.md": {"data/one.txt", "data/an-object"},
    "results.md": {"results.tsv", "mirror/one.txt"},
}  # fmt: skip
"""Some of the files that the lines of a document are to leave."""
_CRON_TIMES = re.compile(r"^(\S+ +){5}")

# What stands for the command: hands its arguments and streams to the test, and waits.
_STAND_IN = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as test:
    test.connect(os.environ["TEST_SOCKET"])
    socket.send_fds(test, [json.dumps([os.getcwd(), *sys.argv[1:]]).encode()], [0, 1, 2])
    sys.exit(int(test.makefile().readline()))
"""


@pytest.fixture
def host(server: LoopbackServer) -> str:
    """A server that has all that the lines ask for."""
    names = ("one.txt", "a", "b", *(f"page/{number}" for number in range(1, 9)))
    server.pages |= {f"/{name}": Page(name.encode()) for name in names}
    server.pages["/pub/a.iso"] = Page(b"image")
    server.pages["/a.zip"], server.pages["/a.tar"] = Page(packed("zip")), Page(packed("tar"))
    for name, kind in (("17", "jpeg"), ("18", "png")):
        server.routes[f"/picture/{name}"] = lambda handler, kind=kind: handler.answer(  # type: ignore[misc]
            200, picture(kind), Content_Type=f"image/{kind}"
        )
    server.routes["/page"] = lambda handler: handler.answer(
        200, b"given", Content_Disposition='attachment; filename="given.bin"'
    )
    return server.url


def picture(kind: str) -> bytes:
    """An image of this format."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, kind)
    return file.getvalue()


def packed(kind: str) -> bytes:
    """An archive of this format, with the file `one.txt`."""
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("one.txt", "one")
    else:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("one.txt"))
    return file.getvalue()


def prepare(directory: Path, host: str) -> None:
    """Write the lists and files that the lines name."""
    directory.mkdir()
    written = {
        "urls.txt": f"{host}/page?x=1\n{host}/one.txt\n",
        "urls.example.txt": f"{host}/a\n{host}/b\n",
        "presigned.txt": f"{host}/a?token=1\n{host}/b?X-Amz-Signature=2\n",
        "images.csv": f"id,image_url\n17,{host}/picture/17\n18,{host}/picture/18\n",
        "archives.txt": f"{host}/a.zip\n",
        "tars.txt": f"{host}/a.tar\n",
        "pages.txt": f"{host}/page/1\n{host}/page/2\n",
        "SHA256SUMS": f"{sha256(b'image').hexdigest()}  a.iso\n",
        "cookies.txt": "127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n",
        "hosts.netrc": "machine 127.0.0.1 login me password secret\n",
        "token.txt": "Authorization: Bearer secret\n",
        "words.py": "def count(path, result):\n    return len(path.read_bytes().split())\n",
    }
    for name, text in written.items():
        (directory / name).write_text(text)
    for program in ("thumbnails.py", "pages.py"):
        shutil.copy(PAGES / "programs" / program, directory)
    (directory / "hosts.netrc").chmod(0o600)


@pytest.fixture
def shell(
    forked: InstalledCommand, host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Block, Path], str]]:
    """Runs the lines of a block in a directory, where `pyfetch` is the command of the test."""
    place = tmp_path_factory.mktemp("bin")
    stand_in = place / "pyfetch"
    python = shutil.which("python3")
    stand_in.write_text(f"#!{python} -IS\n{_STAND_IN}")
    stand_in.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "socket"))
        listening.listen()
        threading.Thread(target=_serve, args=(listening, forked), daemon=True).start()

        def run(block: Block, directory: Path) -> str:
            lines = "\n".join(runnable(block)).replace("https://host", host)
            added = {
                "PATH": f"{place}:{os.environ['PATH']}",
                "HOME": str(directory),
                "TEST_SOCKET": str(place / "socket"),
            }
            ended = subprocess.run(
                ["bash", "-ec", f"set -o pipefail\n{lines}"],
                cwd=directory, env=forked.environment | added, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert ended.returncode == 0, f"{block.place}: {ended.stdout}{ended.stderr}"
            return ended.stdout

        yield run
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, command: InstalledCommand) -> None:
    """Run the command for each stand-in, with its streams, until the socket is closed."""
    while True:
        try:
            asked, _ = listening.accept()
        except OSError:
            return
        with asked:
            message, streams, _, _ = socket.recv_fds(asked, 64 * 1024, 3)
            directory, *arguments = json.loads(message)
            stdin, stdout, stderr = streams
            running = command.popen(
                *arguments, stdin=stdin, stdout=stdout, stderr=stderr, cwd=directory
            )
            for stream in streams:
                os.close(stream)
            asked.sendall(b"%d\n" % running.wait())


def bucket_of_the_lines(server: BucketServer, command: InstalledCommand, host: str) -> None:
    """Have the bucket that the lines name, and let the command find it as a user's does."""
    from tests.support.buckets import BucketOfTests, may_use_buckets

    may_use_buckets(command)
    command.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.port}"
    bucket = BucketOfTests("lists", server.port, "my-bucket")
    bucket.write("urls.csv.gz", gzip.compress(f"url\n{host}/one.txt\n".encode()))
    bucket.write("objects.txt", b"s3://my-bucket/lists/an-object\n")
    bucket.write("an-object", b"an object")


def runnable(block: Block) -> list[str]:
    """The lines of a block that are run. A crontab's are run as cron does, at once."""
    lines = block.code.splitlines()
    if block.language == "crontab":
        lines = [_CRON_TIMES.sub("", line) for line in lines]
    return [line for line in lines if not any(re.search(reason, line) for reason in NOT_RUN)]


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS_WITH_LINES, ids=lambda document: document.name)
def test_the_lines_of_a_document_run_and_leave_what_they_should(
    document: Path,
    shell: Callable[[Block, Path], str],
    forked: InstalledCommand,
    host: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    made = set()
    for number, block in enumerate(blocks(document, "sh", "crontab")):
        directory = tmp_path / str(number)
        prepare(directory, host)
        if "s3://" in block.code:
            bucket_of_the_lines(request.getfixturevalue("rclone"), forked, host)
        before = {*directory.rglob("*")}
        shell(block, directory)
        after = {path for path in directory.rglob("*") if path.is_file()} - before
        made |= {path.relative_to(directory).as_posix() for path in after}
    assert MADE.get(document.name, set()) <= made


@pytest.mark.slow
def test_the_recipes_for_logging_in_send_what_they_are_shown_for(
    shell: Callable[[Block, Path], str], server: LoopbackServer, host: str, tmp_path: Path
) -> None:
    (block,) = [one for one in blocks(README, "sh") if "token.txt" in one.code]
    prepare(tmp_path / "there", host)
    shell(block, tmp_path / "there")
    names = ("Cookie", "Authorization")
    sent = {
        asked.headers[name] for asked in server.asked for name in names if name in asked.headers
    }
    assert sent == {"name=value", basic("me", "secret"), "Bearer secret"}


def test_each_line_that_is_not_run_is_there() -> None:
    """So that the list of them does not outlive what it is about."""
    lines = [
        line
        for document in DOCUMENTS
        for block in blocks(document, "sh", "crontab")
        for line in block.code.splitlines()
    ]
    for pattern in NOT_RUN:
        assert any(re.search(pattern, line) for line in lines), pattern


@pytest.mark.slow
def test_the_program_in_the_readme_runs(forked: InstalledCommand, host: str) -> None:
    (block,) = blocks(README, "python")
    code = block.code.replace("https://host", host)
    with forked.program(code, stdout=subprocess.PIPE) as running:
        printed, _ = running.communicate(timeout=60)
    assert printed.decode().splitlines() == [
        f"200 {len(f'page/{number}')} data/{number} None" for number in range(1, 9)
    ]


@cases("document", DOCUMENTS)
def test_each_link_and_each_test_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text()
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        linked = document.parent / target if target else document
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}
    for name in re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)`", text):
        assert any((ROOT / "tests").rglob(name)), name


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 250
