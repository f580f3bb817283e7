"""Connects to a Dask cluster, or starts one here: what `--cluster` and `--cluster-file` name."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyfetch.cluster.dask_security import security_of
from pyfetch.errors import StoppedError, UsageError
from pyfetch.settings import Settings
from pyfetch.settings.kinds import ENCRYPTED

if TYPE_CHECKING:
    from distributed import Client

_CONNECTED_WITHIN = 10
"""Seconds in which the scheduler has to answer."""
_LOCAL = "local:"
_WHERE_CERTIFICATES = "--cluster-tls, or Dask's own configuration, says where certificates are"

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
            return cls._of_file(str(settings.cluster_file), settings.cluster_tls)
        if not isinstance(given, str):
            if given.asynchronous:
                raise UsageError("cluster must be a client that is not asynchronous")
            return cls(given, given.scheduler.address)
        if given.startswith(_LOCAL):
            return cls._local(int(given.removeprefix(_LOCAL)))
        return cls._connected(given, settings.cluster_tls, address=given)

    @classmethod
    def _of_file(cls, file: str, tls: str | None) -> DaskCluster:
        try:
            said = Path(file).read_bytes()  # Dask would wait for it
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from None
        if tls and ENCRYPTED.encode() not in said:
            raise UsageError(f"{file}: it names no scheduler that encrypts ({ENCRYPTED}…)")
        return cls._connected(file, tls, scheduler_file=file)

    @classmethod
    def _connected(cls, shown: str, tls: str | None, **where: str) -> DaskCluster:
        """`tls`: where the certificates are; None: where Dask's own configuration says."""
        from distributed import Client

        security = security_of(tls) if tls else None
        _quiet()
        try:
            client = Client(
                timeout=_CONNECTED_WITHIN, set_as_default=False, security=security, **where
            )
        except OSError as error:
            raise StoppedError(f"the Dask scheduler {shown} does not answer: {error}") from None
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            # No certificate for tls://, no JSON, or Dask's configuration requires encryption.
            advice = "" if tls or not shown.startswith(ENCRYPTED) else f" ({_WHERE_CERTIFICATES})"
            raise UsageError(f"cannot use the Dask cluster {shown}: {error}{advice}") from None
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


def _quiet() -> None:
    """Let Dask log to its own handlers what stops it, as the run says what that means for it."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
