"""Connects to a Dask cluster, or starts one here: what `--cluster` and `--cluster-file` name."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyfetch.errors import StoppedError, UsageError
from pyfetch.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

_CONNECTED_WITHIN = 10
"""Seconds in which the scheduler has to answer."""
_LOCAL = "local:"
_DISTRIBUTIONS = ("pyfetch-batch", "pyfetch")
"""What Dask may know a version of: newer ones ask for distributions, older ones for modules."""

_log = logging.getLogger(__name__)


class DaskCluster:
    """A client of a cluster. `close` closes what was opened here, and nothing else."""

    def __init__(self, client: Client, address: str, *opened: Any) -> None:
        self.client = client
        self.address = address
        self._opened = list(opened)

    @classmethod
    def of(cls, settings: Settings) -> DaskCluster:
        """The cluster that the settings name.

        Raises `UsageError` if Dask is not installed or the file cannot be used, and `StoppedError`
        if the scheduler does not answer.
        """
        if not find_spec("distributed"):
            option = "--cluster" if settings.cluster else "--cluster-file"
            raise UsageError(f"{option} needs an extra: pip install 'pyfetch-batch[cluster]'")
        given = settings.cluster
        if given is None:
            return cls._of_file(str(settings.cluster_file))
        if not isinstance(given, str):
            if given.asynchronous:
                raise UsageError("cluster must be a client that is not asynchronous")
            return cls(given, given.scheduler.address)
        if given.startswith(_LOCAL):
            return cls._local(int(given.removeprefix(_LOCAL)))
        return cls._connected(given, address=given)

    @classmethod
    def _of_file(cls, file: str) -> DaskCluster:
        try:
            Path(file).open("rb").close()  # Dask would wait for it
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from None
        return cls._connected(file, scheduler_file=file)

    @classmethod
    def _connected(cls, shown: str, **where: str) -> DaskCluster:
        from distributed import Client

        _quiet()
        try:
            client = Client(timeout=_CONNECTED_WITHIN, set_as_default=False, **where)
        except OSError as error:
            raise StoppedError(f"the Dask scheduler {shown} does not answer: {error}") from None
        except (TypeError, ValueError, KeyError) as error:  # no certificate for tls://, no JSON
            raise UsageError(f"cannot use the Dask cluster {shown}: {error}") from None
        return cls(client, client.scheduler.address, client)

    @classmethod
    def _local(cls, number: int) -> DaskCluster:
        """Start a scheduler and workers in this process; members have processes of their own."""
        from distributed import LocalCluster

        _quiet()
        try:
            cluster = LocalCluster(
                n_workers=number,
                threads_per_worker=1,
                processes=False,
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
            )
        except (OSError, RuntimeError) as error:
            raise StoppedError(f"cannot start a Dask cluster here: {error}") from None
        client = cluster.get_client()
        has_dashboard = find_spec("bokeh") is not None
        where = cluster.dashboard_link if has_dashboard else "none (pip install bokeh)"
        _log.warning("the dashboard of the Dask cluster: %s", where)
        return cls(client, cluster.scheduler_address, client, cluster)

    def close(self) -> None:
        """Close the client, and the cluster that was started here. May be called twice."""
        while self._opened:
            self._opened.pop(0).close()


async def why_versions_differ(client: Client, address: str) -> str | None:
    """Whether a worker has the versions of this process: None, or a sentence that says what not.

    Dask itself answers that, so nothing of pyfetch is needed there. Raises `OSError`.
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
    advice = "install pyfetch-batch[cluster] there, the same version as here"
    if here[0] != there[0]:
        return f"the Dask worker {address} has Python {there[0]} and not {here[0]}"
    if here[1:] == there[1:]:
        return None
    ours, theirs = (next(filter(None, one[1:]), "none") for one in (here, there))
    return f"the Dask worker {address} has pyfetch {theirs} and not {ours} ({advice})"


def _short(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _quiet() -> None:
    """Let Dask log to its own handlers what stops it, as the run says what that means for it."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
