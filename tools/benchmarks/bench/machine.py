"""What the figures were taken on and with."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from textwrap import shorten

from tools.benchmarks.bench import nginx
from tools.benchmarks.bench.peers import PYFETCH, Program


def described(programs: Iterable[Program]) -> dict[str, str]:
    """Names and what they are, of the machine and of all tools in use."""
    tools = dict.fromkeys(tool for program in programs for tool in program.tools)
    facts = {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
        "pyfetch": f"{first_line(PYFETCH, '--version')} ({commit()})",
        "requests": f"{version('requests')}, urllib3 {version('urllib3')}",
        "server": f"{first_line(nginx.found() or 'nginx', '-v')}, HTTP/1.1, on the loopback",
    }
    return facts | {tool: first_line(tool, "--version") for tool in tools}


def processor() -> str:
    """Its model, as Linux has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def commit() -> str:
    """Of the checkout, and whether it was changed since."""
    root = Path(__file__).parents[3]
    said = first_line("git", "-C", str(root), "describe", "--always", "--dirty")
    return said or "no checkout"


def first_line(*command: str) -> str:
    """What a command says first: some speak on standard error, as nginx does."""
    try:
        ended = subprocess.run(
            command, capture_output=True, check=False, text=True, stdin=subprocess.DEVNULL
        )
    except OSError:
        return ""
    said = (ended.stdout + ended.stderr).strip().splitlines()
    return shorten(said[0], 72, placeholder=" …") if said and not ended.returncode else ""
