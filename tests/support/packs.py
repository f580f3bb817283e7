"""What is in packs, as others read them: `tarfile`, and the package `webdataset`."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WEBDATASET = ("--pack", "webdataset")


def packs(directory: Path) -> list[Path]:
    """The sealed packs of a directory, in the order of their names."""
    return sorted(directory.glob("*.tar"))


def members(pack: Path) -> dict[str, bytes]:
    """The members of a pack that is whole. No name may be in it twice."""
    found: dict[str, bytes] = {}
    with tarfile.open(pack) as tar:
        for member in tar:
            assert member.name not in found, f"{member.name} is twice in {pack.name}"
            content = tar.extractfile(member)
            assert content is not None
            found[member.name] = content.read()
            assert len(found[member.name]) == member.size
    assert pack.stat().st_size % 512 == 0
    assert pack.read_bytes().endswith(bytes(1024)), f"{pack.name} has no end"
    return found


def samples_of(pack: Path) -> Iterator[dict[str, Any]]:
    """The samples of a pack, as training reads them."""
    from webdataset import tariterators

    with pack.open("rb") as stream:  # the package would leave it to the garbage collector
        source = [{"url": str(pack), "stream": stream}]
        yield from tariterators.group_by_keys(tariterators.tar_file_expander(source))


def samples(directory: Path) -> Iterator[dict[str, Any]]:
    """The samples of all packs."""
    for pack in packs(directory):
        yield from samples_of(pack)


def bodies(directory: Path) -> dict[str, bytes]:
    """By URL, the bodies of all samples. No URL may be there twice."""
    return _bodies(samples(directory))


def bodies_of(pack: Path) -> dict[str, bytes]:
    """Those of one pack."""
    return _bodies(samples_of(pack))


def _bodies(samples: Iterator[dict[str, Any]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for sample in samples:
        known = json.loads(sample["json"])
        (extension,) = {name for name in sample if not name.startswith("__")} - {"json"}
        assert known["url"] not in found, f"{known['url']} is there twice"
        found[known["url"]] = sample[extension]
        assert len(sample[extension]) == known["size"]
    return found
