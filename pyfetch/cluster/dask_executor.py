"""Members on the workers of a Dask cluster: `--cluster`. Loaded only where one is asked for.

Each thread of a worker is room for one member. A member is one task for the whole run, so the
scheduler knows a few tasks however many URLs there are, and no message passes through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from pyfetch.cluster.dask_channel import DaskChannel
from pyfetch.cluster.executor import Gone, Heard, RoomChanged
from pyfetch.cluster.messages import Begin, Elsewhere
from pyfetch.errors import StoppedError
from pyfetch.storage.lock import LEASE

if TYPE_CHECKING:
    from pyfetch.cluster.dask_cluster import DaskCluster

_LOOK_EVERY = 1.0
"""Seconds between two looks at which workers there are."""
_ANSWER_WITHIN = 5.0
"""Seconds that the scheduler gets to say that."""
_LOST_AFTER = 3
"""After this many looks without a connection to the scheduler, it counts as lost."""
_LONGEST_SILENCE = 120.0
"""The same after so many seconds without an answer, though there is a connection."""
_CLOSED_WITHIN = LEASE + 5.0
"""Seconds that `close` waits for members to end."""

_log = logging.getLogger(__name__)


class DaskExecutor:
    """Starts members on a cluster, and sees which workers come and go."""

    def __init__(self, cluster: DaskCluster, *, may_upload: bool = False) -> None:
        """`may_upload`: whether pyfetch is sent to workers that do not have it."""
        self._cluster = cluster
        self._client = cluster.client
        self._topic = f"pyfetch-{uuid.uuid4().hex}"
        self._threads: dict[str, int] = self._client.nthreads()
        """Threads of each worker, by its address. Replaced as a whole, so any thread may read."""
        self._refused: set[str] = set()
        """Addresses of workers that are of no use to this run."""
        self._lock = threading.Condition()
        self._channels: dict[str, DaskChannel] = {}
        """Of members that are not gone yet, by their keys."""
        self._changed: Callable[[RoomChanged], None] = lambda _: None
        self._watching: Future[None] | None = None
        self._has_warned = False
        self._may_upload = may_upload
        weakref.finalize(self, cluster.close)  # if the run never begins

    def watch(self, changed: Callable[[RoomChanged], None]) -> None:
        """Call `changed` when workers come or go, and when the scheduler is lost."""
        self._changed = changed
        self._client.subscribe_topic(self._topic, self._member_has_begun)
        if not self._threads:
            _log.warning("the Dask cluster has no worker yet: waiting for one")
        loop = self._client.loop.asyncio_loop
        self._watching = asyncio.run_coroutine_threadsafe(self._watch(), loop)

    def size(self) -> int:
        """How many members there can be at once now: the threads of all workers that fit."""
        threads = self._threads
        return sum(threads[address] for address in threads if address not in self._refused)

    def has_room(self) -> bool:
        """Whether another member can be started now."""
        return self._freest() is not None

    def hold(self, descriptor: int) -> None:
        """Nothing: a descriptor means nothing on another machine. Members have a lease instead."""

    def start(self, begin: Begin, heard: Heard) -> DaskChannel:
        """Start a member on the worker with the most free threads."""
        address = self._freest()
        assert address is not None  # noqa: S101 - the caller has asked `has_room`

        def hear(messages: list[Any] | Gone) -> None:
            if isinstance(messages, Gone):
                with self._lock:
                    self._channels.pop(channel.key, None)
                    self._lock.notify_all()
            heard(messages)

        channel = DaskChannel(
            self._client,
            address,
            self._topic,
            hear,
            self._warn_once,
            may_upload=self._may_upload,
        )
        channel.refuse = lambda: self._refused.add(address)
        with self._lock:
            self._channels[channel.key] = channel
        keeps_files = begin.directory is not None and not begin.settings.in_bucket
        elsewhere = Elsewhere(_working_directory(), keeps_files, LEASE, self._members_at(address))
        channel.open(begin._replace(directory=None, elsewhere=elsewhere))
        return channel

    def close(self) -> None:
        """End all members, wait until they have ended, and leave the cluster."""
        with self._lock:
            for channel in self._channels.values():
                channel.kill()
            self._lock.wait_for(lambda: not self._channels, _CLOSED_WITHIN)
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(Exception):  # the scheduler is gone
                self._client.unsubscribe_topic(self._topic)
        self._cluster.close()

    def _members_at(self, address: str) -> int:
        """How many members the machine of a worker has room for."""
        host = _host_of(address)
        return sum(number for one, number in self._threads.items() if _host_of(one) == host)

    def _freest(self) -> str | None:
        """The worker with the most threads that no member has; None if there is none."""
        with self._lock:
            taken = Counter(channel.address for channel in self._channels.values())
        threads = self._threads
        free = {
            address: number - taken[address]
            for address, number in threads.items()
            if address not in self._refused
        }
        address = max(free, key=free.__getitem__, default=None)
        return address if address and free[address] > 0 else None

    def _warn_once(self, address: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "settings and URLs go to %s in the clear, with all passwords, cookies, headers and"
                " signatures in them (use a cluster with tls://, see --cluster-tls)",
                address,
            )

    def _member_has_begun(self, event: tuple[float, str]) -> None:
        with self._lock:
            channel = self._channels.get(event[1])
        if channel:
            channel.has_begun()

    async def _watch(self) -> None:
        misses, heard_at = 0, time.monotonic()
        while misses < _LOST_AFTER and time.monotonic() - heard_at < _LONGEST_SILENCE:
            await asyncio.sleep(_LOOK_EVERY)
            is_connected = self._client.status == "running"
            misses = 0 if is_connected else misses + 1
            if not is_connected:
                continue
            with contextlib.suppress(OSError, TimeoutError):
                look = self._client.scheduler.ncores()
                self._take_in(await asyncio.wait_for(look, _ANSWER_WITHIN))
                heard_at = time.monotonic()
        detail = f"the Dask scheduler {self._cluster.address} is gone"
        self._changed(RoomChanged(StoppedError(f"{detail} (run the same command again to go on)")))

    def _take_in(self, threads: dict[str, int]) -> None:
        """Take in which workers there are now."""
        if threads == self._threads:
            return
        self._threads = dict(threads)
        with self._lock:
            left = [one for one in self._channels.values() if one.address not in threads]
        for channel in left:
            channel.worker_left()
        self._changed(RoomChanged())


def _host_of(address: str) -> str:
    return address.rpartition(":")[0]


def _working_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - it is sent as text
    except FileNotFoundError:  # it was removed: then no path can be relative to it
        return os.sep
