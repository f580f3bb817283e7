"""Names of files in locales that have no characters for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import InstalledCommand
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow  # each starts an interpreter with another locale

NAME = "ü/日本€.txt"
LATIN_9 = "de_DE.ISO-8859-15"
LIBRARY = """
import json, pyfetch, sys
results = pyfetch.fetch_all(json.loads(sys.argv[1]), output_dir="data")
print(json.dumps([[r.path and str(r.path), r.error, r.detail] for r in results]))
"""


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a Latin-9 locale, where the system can make one."""
    path = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef"):
        command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-15", str(path / LATIN_9)]
        subprocess.run(command, capture_output=True, check=False)
    return path


def environment(locales: Path, name: str) -> dict[str, str]:
    if name == LATIN_9 and not (locales / LATIN_9).exists():
        pytest.skip("this system makes no locales")
    plain = {k: v for k, v in os.environ.items() if k not in {"LANG", "LANGUAGE", "PYTHONUTF8"}}
    return plain | {"LC_ALL": name, "LOCPATH": str(locales)}


@pytest.mark.parametrize("locale", ["C", "POSIX", LATIN_9])
def test_the_command_writes_the_same_names_in_each_locale(
    installed: InstalledCommand, server: LoopbackServer, locales: Path, locale: str
) -> None:
    server.pages["/x"] = Page(b"x")
    list_ = installed.directory / "list"
    list_.write_text(f"{server.url}/x  out={NAME}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pyfetch", "-o", "data", "list"]
    ended = subprocess.run(
        command, cwd=installed.directory, env=environment(locales, locale), capture_output=True,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    data = installed.directory / "data"
    assert (data / os.fsdecode(NAME.encode())).read_bytes() == b"x"


@pytest.mark.parametrize("locale", ["C", LATIN_9])
@pytest.mark.parametrize("name", ["日本.txt", "日/本/x"])
def test_a_program_in_such_a_locale_is_told_what_to_do(
    installed: InstalledCommand, server: LoopbackServer, locales: Path, locale: str, name: str
) -> None:
    """The other files come. (`C` is UTF-8 to Python unless that is switched off.)"""
    server.pages["/x"] = Page(b"x")
    entries = [{"url": f"{server.url}/x", "out": name}, f"{server.url}/x"]
    switched_off = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ended = subprocess.run(
        [sys.executable, "-c", LIBRARY, json.dumps(entries)], cwd=installed.directory,
        env=environment(locales, locale) | switched_off, capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    refused, good = json.loads(ended.stdout)
    assert good[0] == "data/x", ended.stderr
    assert refused[1] == "disk"
    assert "has no characters for the name" in refused[2]
    assert "PYTHONUTF8=1" in refused[2]


@pytest.mark.parametrize(
    ("locale", "task"),
    [("C", ["--map", "sizes.py:size"]), (LATIN_9, ["--exec", "cp {path} {dir}/copy"])],
)
def test_a_command_or_function_gets_the_same_names_in_each_locale(
    installed: InstalledCommand, server: LoopbackServer, locales: Path, locale: str, task: list[str]
) -> None:
    server.pages["/x"] = Page(b"x")
    there = installed.directory
    (there / "list").write_text(f"{server.url}/x  out={NAME}\n", encoding="utf-8")
    (there / "sizes.py").write_text(
        "def size(path, result): return [path.name, len(open(path).read())]"
    )
    command = [sys.executable, "-m", "pyfetch", "-o", "data", "list", "--format", "jsonl", *task]
    ended = subprocess.run(
        command, cwd=there, env=environment(locales, locale), capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    if "--map" in task:
        assert json.loads(ended.stdout)["value"] == ["日本€.txt", 1]
    else:
        assert (there / "data" / os.fsdecode("ü/copy".encode())).read_bytes() == b"x"
