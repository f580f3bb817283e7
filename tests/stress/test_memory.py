"""Memory is flat: of lists, plans, names and the engine, however many there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pyfetch.inputs import InputFormat
from tests.support.command import COMMAND, InstalledCommand
from tests.support.counting import CountingServer
from tests.support.lists import FORMATS, Folder, long_list
from tests.support.measuring import MIB, PEAK_MEMORY, kept_blocks, peak_of


@pytest.mark.parametrize("chosen", FORMATS)
def test_memory_is_flat_however_long_the_list(tmp_path: Path, chosen: InputFormat) -> None:
    number, peak = peak_of(Folder(tmp_path).sources(long_list(chosen, 20_000)))
    assert number == 20_000
    # Elements of one block, 64 KiB, are held at once; the lists are some times as long.
    assert peak < 6 * MIB


@pytest.mark.parametrize("chosen", FORMATS)
def test_entries_that_were_taken_are_not_kept(tmp_path: Path, chosen: InputFormat) -> None:
    """Nor anything else of their records, which would take a block of memory each, or more."""
    assert kept_blocks(Folder(tmp_path).sources(long_list(chosen, 15_000))) < 2_000


@pytest.mark.parametrize(
    "content", ['url,out\n"\n' + "\n" * 100_000, "url,out\n" + '"\n",' * 20_000]
)
def test_rows_without_end_stay_small(tmp_path: Path, content: str) -> None:
    assert peak_of(Folder(tmp_path).sources(content))[1] < 12 * MIB


def most_memory(installed: InstalledCommand, number: int) -> int:
    """Of a plan for as many lines and hosts, in KiB."""
    file = installed.directory / f"list-{number}"
    with file.open("w") as lines:
        for n in range(number):
            lines.write(f"https://host-{n}.example/some/where/file-{n}.bin\n")
    ended, peak = installed.peak_memory("--plan", "-q", "--format", "tsv", str(file))
    assert ended.status == 0
    assert len(ended.rows) == number
    return peak


def test_memory_is_flat_however_many_lines_and_hosts_there_are(installed: InstalledCommand) -> None:
    few, many = most_memory(installed, 10_000), most_memory(installed, 50_000)
    assert many - few < 10 * 1024


def urls_of_many_hosts(server: CountingServer, number: int) -> bytes:
    return "\n".join(server.url(n % 1_000, n) for n in range(number)).encode()


def test_memory_is_flat_however_many_urls_libcurl_has_fetched(installed: InstalledCommand) -> None:
    """Of 100,000: 52 MB and 330 descriptors over 1,000 hosts, 48 MB over one, 65 MB with files."""
    peaks = []
    with CountingServer(latency=0.0).running() as server:
        for number in (2_000, 6_000):
            ended, peak = installed.peak_memory(
                "--engine", "curl", "--discard", "-q", "--format", "tsv", "-w", "32",
                stdin=urls_of_many_hosts(server, number),
            )  # fmt: skip
            assert ended.status == 0
            assert len(ended.rows) == number
            peaks.append(peak)
    assert peaks[1] - peaks[0] < 4 * 1024
    assert peaks[1] < 60 * 1024


def test_descriptors_are_few_however_many_hosts_libcurl_has_asked(
    installed: InstalledCommand,
) -> None:
    script = f'ulimit -n 100; exec "{COMMAND}" "$@"'
    with CountingServer(latency=0.0).running() as server:
        ended = subprocess.run(
            ["bash", "-c", script, "sh", "--engine", "curl", "--discard", "-v", "--retries", "0"],
            input=urls_of_many_hosts(server, 2_000), capture_output=True,
            cwd=installed.directory, env=installed.environment, check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-500:]
    assert ended.stdout.count(b"\n") == 2_000
    assert b"out of descriptors" not in ended.stderr


_STATE = """
import sys
from pathlib import Path
from pyfetch.storage.state import State
from pyfetch.facts import FileFacts

state = State(Path(sys.argv[1]) if sys.argv[1] else None)
for i in range(60_000):
    name = f"some-file-{i}.bin"
    state.claim(name, f"https://host.example/some/where/{name}", lambda: True)
    state.record(name, 200, FileFacts(i, i, '"etag"', "then", "0" * 64))
    if i % 1000 == 0:
        state.commit()
    if i == 29_999:
        print(peak_memory())
state.commit()
state.close()
print(peak_memory())
"""


@pytest.mark.parametrize("where", ["", "state.sqlite3"], ids=["no state", "state"])
def test_names_take_no_memory(tmp_path: Path, where: str) -> None:
    place = str(tmp_path / where) if where else ""
    ended = subprocess.run(
        [sys.executable, "-c", PEAK_MEMORY + _STATE, place],
        check=True,
        capture_output=True,
        text=True,
    )
    after_half, after_all = map(int, ended.stdout.split())
    assert after_all <= after_half * 1.1


_ENGINE = """
from concurrent.futures import ThreadPoolExecutor
from pyfetch.engine.threads import ThreadEngine
from pyfetch.attempt import Finished
from pyfetch.api import entries_from_items
from pyfetch.models import Outcome, Result
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.models import HostSignal
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.queue import HostQueues
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.engine.results import in_order
from pyfetch.scheduling.concurrency import AdaptiveWorkerLimit

def fetch(target, transfer):
    result = Result(target.index, target.url.text, Outcome.FETCHED, attempts=1)
    return Finished(result, HostSignal.ANSWERED)

window = ReadAhead()
urls = (f"http://host{i % 1000}/file/{i}" for i in range(100_000))
with ThreadPoolExecutor(8) as executor:
    limits = Limits(per_host=2, interval=0.0001, interval_of_all=0.00001)
    jobs = Jobs(HostQueues(limits), AdaptiveWorkerLimit(8), RetryPolicy(), max_time=3600.0)
    engine = ThreadEngine(fetch, executor, jobs=jobs, read_ahead=window)
    due = 1
    for result in in_order(engine.run(entries_from_items(urls)), window.shown):
        assert result.index == due
        if due == 10_000:
            print(peak_memory())
        due += 1
assert due == 100_001
print(peak_memory())
"""


def test_memory_is_flat_from_ten_thousand_urls_to_a_hundred_thousand() -> None:
    """Peak memory of the engine alone, with every option on, in KiB."""
    ended = subprocess.run(
        [sys.executable, "-c", PEAK_MEMORY + _ENGINE],
        capture_output=True,
        check=True,
        text=True,
    )
    small, large = map(int, ended.stdout.split())
    assert large <= small * 1.1
    assert large < 120 * 1024
