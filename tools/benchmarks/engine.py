"""What a URL costs beside its GET and its file: list, names, state, schedule, order and TSV.

Run by hand: `python -m tools.benchmarks.engine [NUMBER]`. Nothing is fetched and no file is made:
what stands in for `Downloader` says at once that all came. CPU of the whole process, which is on
one CPU as that of the command is, the best of several rounds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from pyfetch import cpu
from pyfetch.attempt import Finished
from pyfetch.engine.download import Downloader
from pyfetch.facts import FileFacts
from pyfetch.inputs import Sources
from pyfetch.models import HostSignal, Outcome, Result, Target
from pyfetch.output.result_lines import Tsv
from pyfetch.output.summary import Summary
from pyfetch.run import Run
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer

ROUNDS = 5
_SHA256 = "0" * 64


class Came(Downloader):
    """Says of each target that it came."""

    def __call__(self, target: Target, transfer: Transfer) -> Finished:
        result = Result(
            target.index, target.url.text, Outcome.FETCHED, target.url.text, 200, 3000,
            target.path,
            attempts=transfer.assignment.number, sha256=_SHA256, etag='"abc"',
        )  # fmt: skip
        facts = FileFacts(3000, 10**18, '"abc"', None, _SHA256, target.url.text)
        transfer.end()
        return Finished(result, HostSignal.ANSWERED, None, facts if target.path else None)


def run(urls: Path, *, discard: bool) -> float:
    """Seconds of CPU for the whole list."""
    with tempfile.TemporaryDirectory() as directory, Path(os.devnull).open("w") as out:
        began = time.process_time()
        with patch("pyfetch.engine.download.Downloader", Came):
            run = Run(Settings(output_dir=directory, discard=discard))
        summary, sink = Summary(), Tsv(out)
        for result in run.results(Sources([str(urls)]), pausing=out.flush):
            summary.add(result)
            sink.show(result)
        return time.process_time() - began


def main(number: int) -> None:
    cpu.pin(0)
    with tempfile.TemporaryDirectory() as directory:
        urls = Path(directory, "urls.txt")
        with urls.open("w") as lines:
            lines.writelines(f"http://127.0.0.1:9/some/file-{n:06}.bin\n" for n in range(number))
        for discard, what in ((False, "names and state"), (True, "nothing kept")):
            seconds = min(run(urls, discard=discard) for _ in range(ROUNDS))
            print(f"{what}: {seconds / number * 1e6:.0f} µs of CPU a URL")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
