"""The programs in `docs/programs` do what they say."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow  # each starts an interpreter that loads the library

PROGRAMS = Path(__file__).parents[2] / "docs" / "programs"

DATA = bytes(range(256)) * 40
PRINTED = {
    "lengths.py": [f"{16:>8} bytes  HOST/page/{number}" for number in range(1, 9)],
    "one_file.py": [f"data/data.bin {hashlib.sha256(DATA).hexdigest()}"],
    "rerun.py": ["8 fetched"],
    "failures.py": ["http 404 HOST/missing HOST/gone"],
    "checksums.py": ["1 fetched data/pages/one.txt None", "2 failed None checksum"],
    "stop.py": ["enough"],
    "coroutine.py": [f"{number} 200" for number in range(1, 9)],
    "read_json.py": ["6 This is page 1."],
    "compute.py": ["1 4 9 16 25 36 49 64"],
}


@pytest.fixture
def host(server: LoopbackServer) -> str:
    """The server that the programs ask."""
    server.pages |= {f"/page/{n}": Page(b"This is page %d.\n" % n) for n in range(1, 65)}
    server.pages |= {f"/number/{n}": Page(b"%d" % n) for n in range(1, 9)}
    server.pages |= {"/numbers.json": Page(b"[1, 2, 3]"), "/data.bin": Page(DATA)}
    return server.url


def run_program(name: str, host: str, directory: Path) -> list[str]:
    """What the program prints, in this directory, with another host."""
    program = directory / name
    program.write_text((PROGRAMS / name).read_text().replace("https://example.org", host))
    done = subprocess.run(
        [sys.executable, program], cwd=directory, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.replace(host, "HOST").splitlines()


@pytest.mark.parametrize("name", PRINTED)
def test_a_program_prints_what_it_should(name: str, host: str, tmp_path: Path) -> None:
    assert run_program(name, host, tmp_path) == PRINTED[name]


def test_the_second_run_fetches_nothing(host: str, tmp_path: Path) -> None:
    run_program("rerun.py", host, tmp_path)
    assert run_program("rerun.py", host, tmp_path) == ["8 unchanged"]


def test_progress_is_shown_up_to_the_end(host: str, tmp_path: Path) -> None:
    printed = run_program("progress.py", host, tmp_path)
    assert printed[-1] == "8 finished, 0 failed, 128 bytes"


def test_a_page_is_parsed_to_its_title_and_links(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/a/page"] = Page(
        "<TITLE> Ü &amp;\n b </title><p>no title<a href=../x>x</a><a name=y>"
        "<a href='https://h/?a=1&amp;b'>z".encode()
    )
    parse = f"{PROGRAMS / 'pages.py'}:parse"
    ended = pyfetch(f"{server.url}/a/page", "--map", parse, "--format", "jsonl")
    (result,) = ended.results
    links = [f"{server.url}/x", "https://h/?a=1&b"]
    assert result["value"] == {"title": "Ü & b", "links": links}


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("PNG", "RGBA"), ("GIF", "P")])
def test_a_thumbnail_is_small_and_of_the_same_format(
    kind: str, mode: str, pyfetch: Command, server: LoopbackServer
) -> None:
    file = io.BytesIO()
    Image.new(mode, (600, 300)).save(file, kind)
    server.pages |= {"/image": Page(file.getvalue()), "/broken": Page(b"no image")}
    make = f"{PROGRAMS / 'thumbnails.py'}:make"
    ended = pyfetch(
        f"{server.url}/image", f"{server.url}/broken", "-o", "images", "--map", make,
        "--format", "jsonl",
    )  # fmt: skip
    made, failed = ended.results
    assert (made["value"], failed["error"]) == ("thumbs/image", "map")
    assert "cannot identify image file" in failed["detail"]
    with Image.open(pyfetch.directory / "thumbs" / "image") as thumbnail:
        assert (thumbnail.size, thumbnail.format) == ((256, 128), kind)


def test_each_program_is_tested() -> None:
    others = {"progress.py", "pages.py", "thumbnails.py"}
    assert {file.name for file in PROGRAMS.glob("*.py")} == {*PRINTED, *others}
