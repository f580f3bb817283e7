"""How many CPUs and how much memory there are, on systems of all kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyfetch import cpu
from pyfetch.cpu_share import cpu_share, memory_left, seconds_without_cpu

MIB = 1024**2


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "available", lambda: 8)


def system(root: Path, files: dict[str, str]) -> Path:
    """A root directory with these files of /proc and /sys."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


V2 = {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/cgroup.controllers": "cpu memory"}
V1 = {"proc/self/cgroup": "5:memory:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n0::/x"}
V1_CPU = "sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("files", "number"),
    [
        ({}, 8),
        (V2, 8),
        (V2 | {"sys/fs/cgroup/a/b/cpu.max": "max 100000"}, 8),
        (V2 | {"sys/fs/cgroup/a/b/cpu.max": "200000 100000"}, 2),
        (V2 | {"sys/fs/cgroup/a/b/cpu.max": "150000 100000"}, 2),
        (V2 | {"sys/fs/cgroup/a/b/cpu.max": "10000 100000"}, 1),
        (V2 | {"sys/fs/cgroup/a/b/cpu.max": "1600000 100000"}, 8),
        (V2 | {"sys/fs/cgroup/a/b/cpu.max": "broken"}, 8),
        (V2 | {"sys/fs/cgroup/a/b/cpu.max": "5 0"}, 8),
        (
            V2
            | {
                "sys/fs/cgroup/a/b/cpu.max": "500000 100000",
                "sys/fs/cgroup/a/cpu.max": "300000 100000",
            },
            3,
        ),
        (V2 | {"sys/fs/cgroup/cpu.max": "300000 100000"}, 3),  # a container that sees no more
        (V2 | {"proc/self/cgroup": "0::/../other", "sys/fs/cgroup/cpu.max": "100000 100000"}, 1),
        (V1 | {f"{V1_CPU}/a/b/cpu.cfs_quota_us": "-1"}, 8),
        (
            V1
            | {
                f"{V1_CPU}/a/b/cpu.cfs_quota_us": "250000",
                f"{V1_CPU}/a/b/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        (
            V1
            | {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000",
            },
            1,
        ),
        (V1 | {"sys/fs/cgroup/unified/x/cpu.max": "400000 100000"}, 4),
    ],
)
def test_the_limits_of_control_groups_count_and_those_above(
    tmp_path: Path, files: dict[str, str], number: int
) -> None:
    assert cpu_share(system(tmp_path, files)).number == number


def test_it_says_why(tmp_path: Path) -> None:
    assert cpu_share(tmp_path).why == "8 CPUs"
    limited = system(tmp_path, V2 | {"sys/fs/cgroup/a/cpu.max": "150000 100000"})
    assert cpu_share(limited).why == "the control group has the time of 1.5 of 8 CPUs"


MEMORY = {"proc/meminfo": "MemTotal:  9999 kB\nMemAvailable:   1024 kB\nHugePages: x"}
STAT = "anon 5\ninactive_file 100\nactive_file 50\nbroken\n"
V1_STAT = "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 50"


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({}, None),
        (MEMORY, MIB),
        (MEMORY | V2 | {"sys/fs/cgroup/a/b/memory.max": "max"}, MIB),
        (
            MEMORY
            | V2
            | {
                "sys/fs/cgroup/a/memory.max": "1000",
                "sys/fs/cgroup/a/memory.current": "400",
                "sys/fs/cgroup/a/memory.stat": STAT,
            },
            750,
        ),
        (
            V2 | {"sys/fs/cgroup/memory.max": "1000", "sys/fs/cgroup/memory.current": "1400"},
            0,
        ),
        (
            MEMORY
            | V1
            | {
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1000",
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "400",
                "sys/fs/cgroup/memory/a/memory.stat": V1_STAT,
            },
            750,
        ),
        (
            MEMORY
            | V1
            | {
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "400",
            },
            MIB,
        ),
    ],
)
def test_memory_that_is_left_is_that_of_the_strictest_limit(
    tmp_path: Path, files: dict[str, str], left: int | None
) -> None:
    """What only holds parts of files, such as those that were fetched, does not count as used."""
    assert memory_left(system(tmp_path, files)) == left


def test_this_system_has_something() -> None:
    assert cpu_share().number >= 1
    if Path("/proc/meminfo").exists():
        assert (memory_left() or 0) > MIB


def test_the_time_without_a_cpu_is_that_of_all_threads(tmp_path: Path) -> None:
    task = "proc/self/task"
    files = {f"{task}/7/schedstat": "5 1500000000 9", f"{task}/8/schedstat": "5 250000000 9"}
    assert seconds_without_cpu(system(tmp_path, files)) == 1.75
    assert seconds_without_cpu(system(tmp_path, {f"{task}/9/schedstat": ""})) == 1.75
    assert seconds_without_cpu(tmp_path / "a system without it") == 0
