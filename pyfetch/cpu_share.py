"""How many CPUs, and how much memory, this process may use: affinity and limits of control groups.

See cgroups(7), and the kernel's admin-guide/cgroup-v2. A limit of any group above counts, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pyfetch import cpu

_ROOT = Path("/")
_CGROUPS = "sys/fs/cgroup"


class CpuShare(NamedTuple):
    """How many CPUs this process may use."""

    number: int
    why: str
    """As a clause for people: `2 CPUs`."""


def cpu_share(root: Path = _ROOT) -> CpuShare:
    """How many CPUs this process may use at once: at least 1. `root`: where /proc and /sys are."""
    allowed = cpu.available()
    quota = min(_quotas(root), default=math.inf)
    if quota >= allowed:
        return CpuShare(allowed, f"{allowed} CPU{'s' * (allowed > 1)}")
    return CpuShare(
        max(1, math.ceil(quota)), f"the control group has the time of {quota:.3g} of {allowed} CPUs"
    )


def memory_left(root: Path = _ROOT) -> int | None:
    """Bytes that could be used before something is swapped out or killed; None: nobody says so.

    Pages that only hold what is on the disk are not in use.
    """
    available = _statistics(root / "proc/meminfo").get("MemAvailable:")
    left = [*_left_in_groups(root)]
    if available is not None:
        left.append(available * 1024)
    return max(0, min(left)) if left else None


def seconds_without_cpu(root: Path = _ROOT) -> float:
    """How long threads of this process were ready to run and had no CPU; 0 if nobody says so.

    The times of threads at the same moment add up. See the kernel's scheduler/sched-stats.
    """
    waited = 0
    for thread in root.glob("proc/self/task/*/schedstat"):
        fields = _text(thread).split()
        waited += int(fields[1]) if len(fields) > 1 else 0
    return waited / 1e9


def _quotas(root: Path) -> Iterator[float]:
    """Each limit that there is, in CPUs."""
    for group in _groups(root, "cpu"):
        limit, _, period = _text(group / "cpu.max").partition(" ")
        if not limit:
            limit = _text(group / "cpu.cfs_quota_us")
            period = _text(group / "cpu.cfs_period_us")
        if limit.isdigit() and period.isdigit() and int(period):  # none is `max`, or -1
            yield int(limit) / int(period)


def _left_in_groups(root: Path) -> Iterator[int]:
    """What is left of each limit that there is, in bytes."""
    for group in _groups(root, "memory"):
        for limit, used, cached in (
            ("memory.max", "memory.current", ("inactive_file", "active_file")),
            (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                ("total_inactive_file", "total_active_file"),
            ),
        ):
            most, now = _text(group / limit), _text(group / used)
            if most.isdigit() and now.isdigit():
                statistics = _statistics(group / "memory.stat")
                yield int(most) - int(now) + sum(statistics.get(name, 0) for name in cached)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The directories of this process' control group, and of those above it.

    A container may not see the one that it is in, but what is at the top there is a limit of its.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            top = root / _CGROUPS
            if not (top / "cgroup.controllers").exists():
                top /= "unified"  # beside those of version 1
        elif controller in controllers.split(","):
            top = root / _CGROUPS / controllers
            if not top.exists():
                top = root / _CGROUPS / controller
        else:
            continue
        inner = Path(path.lstrip("/"))
        for above in (inner, *inner.parents):
            if ".." not in above.parts:  # of a group outside of what is seen here
                yield top / above


def _statistics(file: Path) -> dict[str, int]:
    """The numbers in a file that has a name and a number on each line."""
    pairs = (line.split()[:2] for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
