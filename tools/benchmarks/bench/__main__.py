"""pyfetch beside its peers, in turn in one run, on this machine's loopback.

Run by hand: `python -m tools.benchmarks.bench [--quick]`. Tables in Markdown go to standard
output, what is going on to standard error, all single figures to a file in JSON.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tools.benchmarks.bench import machine
from tools.benchmarks.bench.files import NoRoomError
from tools.benchmarks.bench.measure import Failed, Run
from tools.benchmarks.bench.nginx import CannotServeError
from tools.benchmarks.bench.peers import Program
from tools.benchmarks.bench.stage import has_addresses, staged
from tools.benchmarks.bench.table import BASE, Outcome, summary, table
from tools.benchmarks.bench.workloads import FULL, QUICK, SCHEMES, Workload, chosen

ABOUT = """\
Medians of all rounds. The ratio is the time in relation to pyfetch's: above 1 is slower than it.
CPU and memory are the program's own and its children's, memory that of the largest process and
not seen below 9 MB. Every run's files are compared with the server's, or its results with what it
was asked for; a program that fails has no figures."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it clears up as Ctrl-C does
    try:
        workloads = selected(options)
        compare(workloads, options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except (CannotServeError, NoRoomError) as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="about a minute: small and large, http"
    )
    parser.add_argument(
        "--workload",
        action="append",
        default=[],
        metavar="NAME",
        help="only this one; may be repeated",
    )
    parser.add_argument("--scheme", choices=SCHEMES, help="only this one")
    parser.add_argument("--rounds", type=int, metavar="N", help="default: 5, with --quick 3")
    parser.add_argument("--peers", metavar="A,B", help="only these, and pyfetch, which is compared")
    parser.add_argument(
        "--json",
        type=Path,
        default=Path("bench.json"),
        metavar="FILE",
        help="where all figures are written; default: %(default)s",
    )
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 3 if options.quick else 5
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    return options


def selected(options: argparse.Namespace) -> list[Workload]:
    """The workloads that were asked for, with the programs that can run; says what cannot."""
    workloads = chosen(QUICK if options.quick else FULL, options.workload)
    known = {program.key for workload in workloads for program in workload.programs}
    peers = set(options.peers.split(",")) if options.peers is not None else known
    if unknown := sorted(peers - known):
        raise ValueError(f"there is no program {', '.join(unknown)} (there are {sorted(known)})")
    missing: dict[str, str] = {}
    ready = []
    for workload in workloads:
        if not has_addresses(workload):
            missing[workload.title] = "these are no addresses of this machine"
            continue
        programs = []
        for program in workload.programs:
            if program.key not in peers | {BASE}:
                continue
            if why := program.missing():
                missing[program.name] = why
            else:
                programs.append(program)
        schemes = tuple(each for each in workload.schemes if scheme_wanted(each, options))
        ready.append(replace(workload, programs=tuple(programs), schemes=schemes))
    for name, why in missing.items():
        print(f"left out: {name}: {why}", file=sys.stderr)
    return ready


def scheme_wanted(scheme: str, options: argparse.Namespace) -> bool:
    return options.scheme is None or scheme not in SCHEMES or scheme == options.scheme


def compare(workloads: Sequence[Workload], options: argparse.Namespace) -> None:
    """Print a table as soon as it is there, and the summary at the end."""
    facts = machine.described(program for each in workloads for program in each.programs)
    print("\n".join(f"- {name}: {fact}" for name, fact in facts.items()), ABOUT, sep="\n\n")
    outcomes: list[Outcome] = []
    with staged(workloads) as stage:
        for workload in workloads:
            for scheme in workload.schemes:
                print(f"{workload.title}, {scheme}", file=sys.stderr)
                outcomes.append(stage.outcome(workload, scheme, options.rounds, show))
                print("", table(outcomes[-1]), sep="\n", flush=True)
                options.json.write_text(as_json(facts, outcomes))
    print("", summary(outcomes), sep="\n")


def show(program: Program, run: Run) -> None:
    result = f"{run.why}: {run.said}" if isinstance(run, Failed) else f"{run.seconds:.2f} s"
    print(f"    {program.name:<36} {result}", file=sys.stderr, flush=True)


def as_json(facts: dict[str, str], outcomes: Sequence[Outcome]) -> str:
    results = [
        {
            "workload": outcome.workload.name,
            "title": outcome.workload.title,
            "scheme": outcome.scheme,
            "files": len(outcome.workload.documents),
            "bytes": outcome.workload.size,
            "workers": outcome.workload.workers,
            "runs": {key: [asdict(run) for run in runs] for key, runs in outcome.runs.items()},
        }
        for outcome in outcomes
    ]
    return json.dumps({"machine": facts, "results": results}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
