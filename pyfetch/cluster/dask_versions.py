"""Whether a Dask worker has the versions of this process, or can be sent them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from distributed import Client

_DISTRIBUTIONS = ("pyfetch-batch", "pyfetch")
"""What Dask may know a version of: newer ones ask for distributions, older ones for modules."""


class VersionCheck(NamedTuple):
    """What a worker has, compared with this process."""

    unfit: str | None
    """Why no member can run there, as a sentence without a full stop."""
    needs_upload: bool = False
    """Whether pyfetch has to be sent there."""


async def check_versions(client: Client, address: str, *, may_upload: bool) -> VersionCheck:
    """Compare pyfetch and Python. Dask itself answers, so nothing of pyfetch is needed there.

    `may_upload`: whether pyfetch may be sent there. Raises `OSError` if the worker has left.
    """
    from distributed.versions import get_versions

    message = {"op": "versions", "packages": _DISTRIBUTIONS}
    answers = await client.scheduler.broadcast(msg=message, workers=[address], on_error="ignore")
    if address not in answers:
        raise OSError("it has left")
    here, there = (
        (_short(one["host"]["python"]), *(one["packages"][name] for name in _DISTRIBUTIONS))
        for one in (get_versions(packages=_DISTRIBUTIONS), answers[address])
    )
    if here[0] != there[0]:
        return VersionCheck(f"the Dask worker {address} has Python {there[0]} and not {here[0]}")
    if here[1:] == there[1:]:
        return VersionCheck(None)
    if may_upload:
        return VersionCheck(None, needs_upload=True)
    ours, theirs = (next(filter(None, one[1:]), "none") for one in (here, there))
    advice = "install the same version of pyfetch-batch there, or send it: --cluster-upload"
    return VersionCheck(f"the Dask worker {address} has pyfetch {theirs} and not {ours} ({advice})")


def _short(python: str) -> str:
    return ".".join(python.split(".")[:2])
