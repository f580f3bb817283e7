"""Start one program, wait for it, and say on standard output what it took.

A process of its own, with as few imports as can be: Linux counts the memory of whoever starts a
program as memory of that program (a peak survives exec), so that a large starter hides all that
is smaller. This one has about 9 MB. What is said: exit status, seconds, seconds of CPU, peak
memory in KiB; of CPU and memory the program's own children are part, the peak being that of the
largest process.
"""

from __future__ import annotations

import os
import sys
import time


def main(stdin: str, stdout: str, stderr: str, command: list[str]) -> None:
    new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    began = time.perf_counter()
    child = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, stdout, new, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, stderr, new, 0o600),
        ],
    )
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    cpu = usage.ru_utime + usage.ru_stime
    print(os.waitstatus_to_exitcode(status), seconds, cpu, usage.ru_maxrss)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
