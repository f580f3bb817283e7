"""The benchmark: what it counts, what it refuses to count."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.server import LoopbackServer, Page
from tests.support.waiting import within
from tools.benchmarks.bench.delay import delayed
from tools.benchmarks.bench.job import Job
from tools.benchmarks.bench.measure import Failed, Figures, Run, measured
from tools.benchmarks.bench.peers import BESIDE, SAVING, Delivery, Program, saying
from tools.benchmarks.bench.rounds import LONG, in_turn
from tools.benchmarks.bench.table import Middle, Outcome, middle, summary, table
from tools.benchmarks.bench.verify import lacking
from tools.benchmarks.bench.work import line_of
from tools.benchmarks.bench.workloads import FULL, QUICK, Workload, alike, chosen

pytestmark = pytest.mark.slow

PYFETCH, ARTICLE = (p for p in SAVING if p.key in ("pyfetch", "article"))
CURL = next(program for program in SAVING if program.key == "curl")
TINY = Workload("tiny", "tiny: 3 x 10 B", alike("tiny", 3, 10), 2, (PYFETCH, CURL))


def a_job(tmp_path: Path) -> tuple[Job, Path, Path]:
    """A job, what the server has, and where all of it was saved."""
    root, saved = tmp_path / "root", tmp_path / "saved"
    urls = tuple(f"http://127.0.0.1:9/{document.path}" for document in TINY.documents)
    job = Job(TINY.documents, urls, 2, None, tmp_path / "lists")
    job.write_lists()
    (root / "tiny").mkdir(parents=True)
    saved.mkdir()
    for document in TINY.documents:
        for path in (root / document.path, saved / document.name):
            path.write_bytes(b"0123456789")
    return job, root, saved


def test_what_arrived_whole_lacks_nothing(tmp_path: Path) -> None:
    job, root, saved = a_job(tmp_path)
    assert lacking(Delivery.FILES, job, root, saved, tmp_path) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "1 of 3 files missing or of a wrong size"),
        (b"012345678", "1 of 3 files missing or of a wrong size"),
        (b"012345678x", "tiny-00001.bin has a wrong content"),
    ],
)
def test_a_file_that_is_lost_short_or_wrong_is_seen(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    job, root, saved = a_job(tmp_path)
    file = saved / "tiny-00001.bin"
    file.unlink() if content is None else file.write_bytes(content)
    assert lacking(Delivery.FILES, job, root, saved, tmp_path) == said


def test_a_file_that_nobody_asked_for_is_seen(tmp_path: Path) -> None:
    job, root, saved = a_job(tmp_path)
    (saved / "tiny-00001.bin.1").touch()
    assert lacking(Delivery.FILES, job, root, saved, tmp_path) == "1 files that nobody asked for"


def test_results_of_what_is_not_kept_are_held_to_status_and_bytes(tmp_path: Path) -> None:
    job, root, saved = a_job(tmp_path)
    said = tmp_path / "said"
    said.write_text("".join(f"200\t10\t{url}\t-\n" for url in reversed(job.urls)))
    assert lacking(Delivery.LINES, job, root, saved, said) is None
    said.write_text("".join(f"200\t{8 + n}\t{url}\n" for n, url in enumerate(job.urls)))
    assert lacking(Delivery.LINES, job, root, saved, said) == "2 of 3 URLs without their bytes"
    said.write_text("".join(f"200\t10\t{url}\n" for url in (*job.urls, job.urls[0])))
    assert lacking(Delivery.LINES, job, root, saved, said) == "1 results that nobody asked for"


def test_values_are_held_to_the_bytes_that_the_server_has(tmp_path: Path) -> None:
    job, root, saved = a_job(tmp_path)
    said = tmp_path / "said"
    lines = [line_of(document.name, b"0123456789") for document in job.documents]
    said.write_text("".join(f"200\t10\t{line}\n" for line in reversed(lines)))
    assert lacking(Delivery.VALUES, job, root, saved, said) is None
    said.write_text("".join(f"{line}\n" for line in (*lines, lines[0])))
    found = lacking(Delivery.VALUES, job, root, saved, said)
    assert found == "1 values that nobody asked for"
    said.write_text(f"{lines[0]}\n{line_of(job.documents[1].name, b'')}\n")
    found = lacking(Delivery.VALUES, job, root, saved, said)
    assert found == "2 of 3 values missing or wrong"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("pass", "3 of 3 files missing or of a wrong size"),
        ("raise SystemExit(4)", "exit status 4"),
        ("import time; time.sleep(60)", "killed after 0 s"),
    ],
)
def test_a_run_that_does_not_bring_all_has_no_figures(
    tmp_path: Path, script: str, why: str
) -> None:
    job, root, _ = a_job(tmp_path)
    program = Program("bad", "bad", saying(sys.executable, "-I", "-S", "-c", script))
    limit = 0.2 if "sleep" in script else 20.0
    run = measured(program, job, root, tmp_path, limit)
    assert isinstance(run, Failed)
    assert run.why == why
    assert not any(path.stat().st_size for path in tmp_path.glob("run-*/*") if path.is_file())


def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    job, root, _ = a_job(tmp_path)
    run = measured(Program("no", "no", saying("/nowhere")), job, root, tmp_path, 20.0)
    assert isinstance(run, Failed)
    assert (run.why, "No such file" in run.said) == ("could not be started", True)


def test_memory_is_the_programs_not_that_of_the_benchmark(tmp_path: Path) -> None:
    job, root, _ = a_job(tmp_path)
    ballast = b"x" * 100_000_000
    program = Program("true", "true", saying("true"), delivery=Delivery.NOTHING)
    run = measured(program, job, root, tmp_path, 20.0)
    assert isinstance(run, Figures)
    assert run.peak < 40_000_000 < len(ballast)


def test_programs_take_turns_and_each_round_begins_with_another() -> None:
    order = []

    def run(program: Program, limit: float) -> Run:
        order.append(program.key)
        return Figures(1.0, 1.0, 1)

    in_turn((PYFETCH, ARTICLE, CURL), 3, run)
    assert order == [
        *("pyfetch", "article", "curl"),
        *("article", "curl", "pyfetch"),
        *("curl", "pyfetch", "article"),
    ]


def test_what_failed_or_takes_minutes_is_not_run_again_and_limits_follow_pyfetch() -> None:
    limits = []
    figures: dict[str, Run] = {
        "pyfetch": Figures(20.0, 1.0, 1),
        "article": Failed("exit status 1"),
        "curl": Figures(LONG + 1, 1.0, 1),
    }

    def run(program: Program, limit: float) -> Run:
        limits.append((program.key, limit))
        return figures[program.key]

    runs = in_turn((PYFETCH, ARTICLE, CURL), 3, run)
    assert {key: len(each) for key, each in runs.items()} == {"pyfetch": 3, "article": 1, "curl": 1}
    assert limits[:3] == [("pyfetch", 1800.0), ("article", 200.0), ("curl", 200.0)]


def test_no_round_begins_when_the_budget_is_spent() -> None:
    now = iter([0.0, 14.0, 16.0])
    runs = in_turn(
        (PYFETCH,), 9, lambda program, limit: Figures(1.0, 1.0, 1), 15.0, lambda: next(now)
    )
    assert len(runs["pyfetch"]) == 2


def test_the_middle_is_the_median_with_its_spread() -> None:
    runs = [Figures(3.0, 0.3, 30), Figures(1.0, 0.1, 50), Figures(1.5, 0.2, 40)]
    assert middle(runs) == Middle(1.5, 1.0, 3.0, 0.2, 50, 3)


def test_one_failed_round_is_a_failed_program() -> None:
    assert middle([Figures(1.0, 1.0, 1), Failed("exit status 4")]) == Failed("exit status 4")


def test_tables_show_ratios_to_pyfetch_and_failures_without_figures() -> None:
    runs: dict[str, list[Run]] = {
        "pyfetch": [Figures(2.0, 1.0, 40_000_000)],
        "curl": [Failed("1 of 3 files missing or of a wrong size", "curl: (7) refused")],
    }
    outcome = Outcome(TINY, "http", runs)
    heading, _, titles, rule, ours, theirs = table(outcome).splitlines()
    assert heading == "### tiny: 3 x 10 B, http"
    assert fields(titles)[-1] == "ratio"
    assert set(rule) == set("|-: ")
    assert fields(ours) == ["pyfetch", "2.00", "one run", "2", "1.00", "40", "1.00"]
    assert fields(theirs)[:3] == ["curl -Z", "failed: 1 of 3 files missing or of a wrong size", "–"]  # noqa: RUF001
    assert fields(summary([outcome]).splitlines()[-1]) == ["tiny: 3 x 10 B, http", "1.00", "failed"]


def fields(line: str) -> list[str]:
    return [field.strip() for field in line.strip("|").split("|")]


SMALL = ["small-8", "small-32", "small-20000", "small-20000-32"]


def test_workloads_are_found_by_name_or_by_kind() -> None:
    assert [each.name for each in chosen(FULL, ["small"])] == SMALL
    assert [each.name for each in chosen(FULL, ["small-8", "far"])] == ["small-8", "far"]
    assert chosen(QUICK, []) == list(QUICK)
    with pytest.raises(ValueError, match="there is no workload huge"):
        chosen(FULL, ["huge"])


def test_the_proxy_holds_each_request_back_on_one_connection(server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"a" * 3000)
    with delayed(0.05, [server.server_port]) as (port,):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(3):
            began = time.monotonic()
            connection.request("GET", "/a")
            assert connection.getresponse().read() == b"a" * 3000
            took = time.monotonic() - began
            assert took >= 0.05
            assert within(0.5, took)
        connection.close()
    assert server.connections == 1


@pytest.mark.parametrize("script", ["floor.py", "floor_curl.py"])
def test_the_least_is_all_files(script: str, server: LoopbackServer, tmp_path: Path) -> None:
    pages = {f"/{number}.bin": Page(b"a" * number) for number in range(1, 12)}
    server.pages.update(pages)
    urls = tmp_path / "urls.txt"
    urls.write_text("".join(f"{server.url}{path}\n" for path in pages))
    command = [sys.executable, str(BESIDE / script), str(urls), "3"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert {path: (tmp_path / path[1:]).read_bytes() for path in pages} == {
        path: page.body for path, page in pages.items()
    }
