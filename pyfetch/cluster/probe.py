"""Whether a member on another machine has the same output directory as the coordinator.

The member writes a probe file before it gets any target, and the coordinator reads it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

from pyfetch.cluster.messages import Elsewhere, ProbeWritten
from pyfetch.storage.filesystem import NEW_FILE, OWN_DIRECTORY, READ_FILE

_VISIBLE_WITHIN = 2.0
"""Seconds that a shared file system gets to show what another machine has written."""
_LOOK_AGAIN = 0.1
"""Seconds between two looks."""
_PREFIX = "probe-"


class UnfitError(Exception):
    """A member cannot work where it is. The text is a sentence without a full stop."""


def prove_output(output_dir: str, elsewhere: Elsewhere) -> ProbeWritten:
    """Write a probe file. Changes the working directory of this process. Raises `UnfitError`.

    Where no file is kept, nothing is written.
    """
    directory = elsewhere.working_directory
    try:
        os.chdir(directory)
    except OSError:
        if not os.path.isabs(output_dir) and elsewhere.writes_probe:  # noqa: PTH117 - it is text
            directory = os.path.join(directory, output_dir)  # noqa: PTH118
            raise UnfitError(_missing(directory)) from None
    host = socket.gethostname()
    if not elsewhere.writes_probe:
        return ProbeWritten("", host)
    name = f"{_PREFIX}{os.urandom(8).hex()}"
    path = Path(output_dir).absolute() / OWN_DIRECTORY
    try:
        descriptor = os.open(path / name, NEW_FILE, 0o644)
    except FileNotFoundError:
        raise UnfitError(_missing(str(path.parent))) from None
    except OSError as error:
        detail = f"cannot write to {path.parent} on {host}: {error.strerror}"
        raise UnfitError(detail) from None
    with open(descriptor, "w") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(name)
    return ProbeWritten(name, host)


def why_not_shared(output_dir: str, probe: ProbeWritten) -> str | None:
    """Read and remove a probe. None if it is there, else a sentence that says what is missing."""
    if not probe.name:
        return None
    path = Path(output_dir).absolute() / OWN_DIRECTORY / Path(probe.name).name
    until = time.monotonic() + _VISIBLE_WITHIN
    while True:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, READ_FILE)
            with open(descriptor) as file:  # noqa: PTH123 - a descriptor has no path
                content = file.read(len(probe.name) + 1)
            path.unlink()
            if content == probe.name:
                return None
        if time.monotonic() > until:
            where = f"{path.parent.parent} on {probe.host}"
            return f"{where} is another directory than here ({_ADVICE})"
        time.sleep(_LOOK_AGAIN)


def remove_probe(output_dir: str, probe: ProbeWritten) -> None:
    """Remove a probe that only the member sees that has written it."""
    with contextlib.suppress(OSError):
        (Path(output_dir).absolute() / OWN_DIRECTORY / probe.name).unlink()


_ADVICE = "name a directory that all workers share with --output-dir, or keep no files: --discard"


def _missing(directory: str) -> str:
    return f"there is no {directory} on {socket.gethostname()} ({_ADVICE})"
