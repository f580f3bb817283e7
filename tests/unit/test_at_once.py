"""How the tests are run in several processes: none is lost, and each failure is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, one process runs all tests"),
]
ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.support.at_once import AtOnce

def pytest_configure(config):
    config.pluginmanager.register(AtOnce(2))
"""


def run(directory: Path, tests: str, *arguments: str) -> tuple[int, str]:
    """Run these tests in two processes. Returns pytest's exit status, and what it shows."""
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "pytest.ini").touch()
    for number in range(2):
        (directory / f"test_{number}.py").write_text(tests)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, str(directory)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def test_each_test_is_run_once_and_a_failure_shows_what_it_printed(tmp_path: Path) -> None:
    tests = (
        "import os, pathlib, pytest\n"
        "@pytest.mark.parametrize('number', range(40))\n"
        "def test_some(number, tmp_path):\n"
        f"    with open({str(tmp_path / 'log')!r}, 'a') as log:\n"
        "        print(os.getpid(), __name__, number, tmp_path, file=log)\n"
        "    print(f'this is {number}')\n"
        "    assert number != 17\n"
    )
    status, shown = run(tmp_path, tests)
    assert status == 1
    assert "2 failed, 78 passed" in shown
    assert shown.count("this is 17") == 2
    assert "assert 17 != 17" in shown
    assert "this is 16" not in shown
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert len({(module, number) for _, module, number, _ in lines}) == len(lines) == 80
    assert len({process for process, _, _, _ in lines}) == 2
    assert len({directory for _, _, _, directory in lines}) == 80


def test_what_a_process_leaves_behind_that_ends_before_its_time_has_failed(tmp_path: Path) -> None:
    tests = (
        "import os\n"
        "def test_fine(): pass\n"
        "def test_ends(): os._exit(0 if 'test_0' in __name__ else 3)\n"
        "def test_after(): pass\n"
    )
    status, shown = run(tmp_path, tests)
    assert status == 1
    assert "4 failed, 2 passed" in shown
    assert "its process ended before this test had" in shown


def test_a_fixture_that_fails_when_the_session_ends_is_a_failure(tmp_path: Path) -> None:
    tests = (
        "import pytest\n"
        "@pytest.fixture(scope='session')\n"
        "def broken():\n"
        "    yield\n"
        "    raise ValueError('not closed')\n"
        "def test_fine(broken): pass\n"
    )
    status, shown = run(tmp_path, tests)
    assert status == 1
    assert "not closed" in shown


def test_at_the_first_failure_nothing_else_is_begun(tmp_path: Path) -> None:
    tests = (
        "import time\nimport pytest\n"
        "@pytest.mark.parametrize('number', range(200))\n"
        "def test_some(number):\n"
        "    time.sleep(0.02)\n"
        "    assert number\n"
    )
    status, shown = run(tmp_path, tests, "--exitfirst")
    assert status == 1
    assert "stopping after 1 failures" in shown
    # Each process ends the tests that it has taken, no others.
    assert int(shown.rpartition(" passed")[0].rpartition(" ")[2]) < 40
