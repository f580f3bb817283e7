"""Sends this version of pyfetch to workers of a cluster that do not have it: `--cluster-upload`.

What runs on such a worker is sent by value, so this module imports nothing of pyfetch.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

_DISTRIBUTION = "pyfetch-batch"
_NOT_FOR_MEMBERS = frozenset({"click", "defusedxml", "rich"})
"""What the command line, lists and the screen need: members have none of these."""
_LEFT_OUT = frozenset({"__pycache__"})
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of each file: the same files make the same archive, and so the same folder there."""


@cache
def packed() -> bytes:
    """The package as it is installed here, as a zip archive."""
    package = Path(__file__).parents[1]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for file in sorted(package.rglob("*")):
            if file.is_file() and not _LEFT_OUT & set(file.parts):
                name = file.relative_to(package.parent).as_posix()
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                made.writestr(entry, file.read_bytes())
    return archive.getvalue()


def unpacked(archive: bytes, below: str) -> str:
    """Path of a folder below this directory from which Python can import the package.

    Several members may do this at once. Raises `OSError`.
    """
    folder = os.path.join(below, f"pyfetch-{sha256(archive).hexdigest()[:16]}")  # noqa: PTH118
    if not os.path.isdir(folder):  # noqa: PTH112
        made = tempfile.mkdtemp(dir=below)
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            files.extractall(made)
        try:
            os.rename(made, folder)  # noqa: PTH104
        except OSError:  # another member was faster
            shutil.rmtree(made, ignore_errors=True)
    return folder


@cache
def needed() -> tuple[str, ...]:
    """What members need beside Python, as pip takes it: `requests<3,>=2.32.3` and so on."""
    from packaging.requirements import Requirement

    try:
        all_needed = [Requirement(text) for text in requires(_DISTRIBUTION) or ()]
    except PackageNotFoundError:  # this is not installed, but runs from its sources
        return ()
    return tuple(
        f"{one.name}{one.specifier}"
        for one in all_needed
        if one.name not in _NOT_FOR_MEMBERS
        and (one.marker is None or one.marker.evaluate({"extra": ""}))
    )


def missing(wanted: tuple[str, ...]) -> list[str]:
    """Which of these are not installed where this runs, or not in such a version."""
    from packaging.requirements import Requirement

    def is_there(text: str) -> bool:
        requirement = Requirement(text)
        try:
            return requirement.specifier.contains(version(requirement.name), prereleases=True)
        except PackageNotFoundError:
            return False

    return [text for text in wanted if not is_there(text)]
