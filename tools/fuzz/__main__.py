"""Feeds each parser with inputs that grow from what they cover, for a bounded time each.

`python -m tools.fuzz [SECONDS [NAME…]]`. What breaks a promise is printed and kept in
`.fuzz/`, and the exit status is 1.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

KEPT = Path(".fuzz")
SECONDS = 20
LONGEST = 2.0
"""Most seconds of CPU for one input, of 64 KiB at most."""


def main(arguments: list[str]) -> int:
    seconds = int(arguments[0]) if arguments else SECONDS
    names = arguments[1:] or _names()
    failed = []
    for name in names:
        corpus = KEPT / name
        corpus.mkdir(parents=True, exist_ok=True)
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tools.fuzz", "--one", name, str(corpus)),
                *(f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024"),
                *("-max_len=65536", f"-artifact_prefix={KEPT}/{name}-", "-print_final_stats=1"),
            ],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        runs = [line for line in ended.stderr.splitlines() if "number_of_executed_units" in line]
        print(f"{name:<20} {runs[0].split()[-1] if runs else '?':>9} inputs", flush=True)
        if ended.returncode:
            failed.append(name)
            print(ended.stderr[-4000:], flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "nothing broke a promise")
    return bool(failed)


def _names() -> list[str]:
    from tools.fuzz.targets import TARGETS

    return list(TARGETS)


def one(name: str, corpus: Path, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["pyfetch"]):
        from tools.fuzz.targets import TARGETS
    target, seeds = TARGETS[name]
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *arguments], _timed(target))
    atheris.Fuzz()


def _timed(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The same target, which must not take longer than Ctrl-C may take."""

    def run(data: bytes) -> None:
        began = time.process_time()
        target(data)
        took = time.process_time() - began
        assert took < LONGEST, f"{took:.1f} s for {len(data)} bytes"

    return run


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
    else:
        sys.exit(main(sys.argv[1:]))
