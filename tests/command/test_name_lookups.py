"""Name look-ups that hang: they delay neither the command nor a program that uses the library."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.support.command import InstalledCommand
from tests.support.server import LoopbackServer, Page
from tests.support.waiting import STOP, within

HANGING = """
import socket, sys, time
real = socket.getaddrinfo
def getaddrinfo(host, *arguments, **options):
    if host.endswith(".test"):
        sys.stderr.write("looking up\\n")
        sys.stderr.flush()
        time.sleep(60)
    return real(host, *arguments, **options)
socket.getaddrinfo = getaddrinfo
"""
"""A program in which look-ups of names in .test hang."""


def start(forked: InstalledCommand, program: str) -> subprocess.Popen[bytes]:
    return forked.program(
        HANGING + program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("end", ["break", "sys.exit()"])
def test_a_program_that_leaves_the_loop_or_ends_waits_for_no_look_up(
    forked: InstalledCommand, server: LoopbackServer, end: str
) -> None:
    """Threads of look-ups are daemons, and workers that wait for one are told to stop."""
    server.pages["/a"] = Page(b"x")
    urls = [f"{server.url}/a", "http://hangs.test/"]
    program = start(
        forked,
        "from pyfetch import fetch_all\n"
        f"for result in fetch_all({urls!r}, discard=True, connect_timeout=60):\n"
        "    assert sys.stdin.read() == ''\n"
        "    time.sleep(0.2)\n"
        "    print(time.time(), flush=True)\n"
        f"    {end}\n",
    )
    out, err = program.communicate(timeout=30)
    assert (program.returncode, err) == (0, b"looking up\n")
    assert within(STOP, time.time() - float(out))


def test_the_command_stops_on_ctrl_c_though_a_look_up_hangs(forked: InstalledCommand) -> None:
    """`stop` ends the wait for a look-up at once."""
    command = start(
        forked,
        "sys.argv[1:] = ['--connect-timeout', '60', '--discard', 'http://hangs.test/']\n"
        "from pyfetch.cli.main import main\n"
        "main()\n",
    )
    assert command.stderr
    assert command.stderr.readline() == b"looking up\n"
    told = time.monotonic()
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=30)
    assert within(STOP, time.monotonic() - told)
    assert command.returncode == 130


def test_a_look_up_that_hangs_is_a_failure_that_says_so(forked: InstalledCommand) -> None:
    """`--connect-timeout` covers the look-up of the name."""
    command = start(
        forked,
        "sys.argv[1:] = ['--connect-timeout', '0.2', '--retries', '0', '--format', 'jsonl',"
        " 'http://hangs.test/']\n"
        "from pyfetch.cli.main import main\n"
        "main()\n",
    )
    out, _ = command.communicate(timeout=30)
    assert b'"error": "dns"' in out
    assert b"no answer within 0.2 s" in out
