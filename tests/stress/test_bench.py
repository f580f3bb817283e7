"""The benchmark, from end to end: nginx, other programs, TLS, and files as they are counted."""

from __future__ import annotations

import json

import pytest

from pyfetch import __version__
from tools.benchmarks.bench import nginx
from tools.benchmarks.bench.__main__ import as_json
from tools.benchmarks.bench.peers import COMPUTING, SAVING
from tools.benchmarks.bench.stage import staged
from tools.benchmarks.bench.table import Middle, middle
from tools.benchmarks.bench.workloads import Workload, alike

KEYS = {"pyfetch", "article", "curl"}


def test_what_computes_brings_its_values() -> None:
    if nginx.found() is None:
        pytest.skip(f"nginx is not installed ({nginx.INSTALL})")
    programs = tuple(program for program in COMPUTING if not program.missing())
    tiny = Workload("tiny", "tiny", alike("tiny", 20, 3000), 4, programs)
    with staged([tiny]) as stage:
        outcome = stage.outcome(tiny, "http", 1, lambda program, run: None)
    for program in programs:
        assert isinstance(middle(outcome.runs[program.key]), Middle), outcome.runs


def test_a_tiny_run_from_end_to_end() -> None:
    if nginx.found() is None:
        pytest.skip(f"nginx is not installed ({nginx.INSTALL})")
    programs = tuple(program for program in SAVING if program.key in KEYS and not program.missing())
    many = Workload("tiny", "tiny", alike("tiny", 20, 3000), 4, programs, hosts=2)
    shown = []
    with staged([many]) as stage:
        outcome = stage.outcome(many, "https", 1, lambda program, run: shown.append(run))
        left = [path for path in stage.scratch.glob("run-*/**/*") if path.is_file()]
        assert left
        assert not any(path.stat().st_size for path in left)
        assert not list(stage.scratch.glob("lists-*"))
    assert not stage.root.exists()
    assert not stage.scratch.exists()
    for program in programs:
        assert isinstance(middle(outcome.runs[program.key]), Middle), outcome.runs
    assert len(shown) == len(programs)
    written = json.loads(as_json({"pyfetch": __version__}, [outcome]))["results"][0]
    assert written["files"] == 20
    assert len(written["runs"]["pyfetch"]) == 1
