"""The coordinator's end of a connection to a member on a Dask worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import uuid
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Any

from distributed.comm import connect

from pyfetch.cluster.dask_member import KILL, run_member
from pyfetch.cluster.dask_versions import check_versions
from pyfetch.cluster.executor import Gone, Heard
from pyfetch.cluster.messages import Begin, ToMember
from pyfetch.cluster.upload import needed, packed
from pyfetch.storage.lock import LEASE

if TYPE_CHECKING:
    from distributed import Client, Future

_STILL_THERE_EVERY = 1.0
"""Seconds between two messages which say that the coordinator is there."""
_MARGIN = 0.5
"""Seconds that a member gets to end after its lease is over."""
_KILLED_WITHIN = 1.0
"""Seconds in which a worker has to confirm that it has killed a member."""
_ANSWERED_WITHIN = 30.0
"""Seconds in which a worker has to say which versions it has."""
_PLAIN = "tcp://"

_log = logging.getLogger(__name__)


class _Order(Enum):
    KILL = auto()


class DaskChannel:
    """A member on a worker: a task that is pinned to it, and a connection to that task.

    Everything but `send` and `kill` is for the event loop of the client.
    """

    is_local = False

    def __init__(
        self,
        client: Client,
        address: str,
        topic: str,
        heard: Heard,
        in_the_clear: Callable[[str], None],
        *,
        may_upload: bool,
    ) -> None:
        """`in_the_clear`: called if messages to another machine are not encrypted.

        `may_upload`: whether pyfetch is sent to a worker that does not have it.
        """
        self.address = address
        self.where = f"the Dask worker {address}"
        self.key = f"pyfetch-{uuid.uuid4().hex}"
        self.refuse: Callable[[], None] = lambda: None
        self._client = client
        self._topic = topic
        self._heard = heard
        self._in_the_clear = in_the_clear
        self._uploads = may_upload
        self._loop: asyncio.AbstractEventLoop = client.loop.asyncio_loop
        self._outbox: asyncio.Queue[bytes | _Order] = asyncio.Queue()
        self._future: Future | None = None
        self._starting: asyncio.Task[None] | None = None
        self._talking: asyncio.Task[None] | None = None
        self._is_gone = False

    def open(self, begin: Begin) -> None:
        """Start the task, if the worker has the same versions. For any thread."""
        self.send(begin)
        self._call(self._begin)

    def send(self, message: ToMember) -> None:
        """Send a message without waiting. Does nothing if the member has ended. For any thread."""
        self._call(self._outbox.put_nowait, pickle.dumps(message))

    def kill(self) -> None:
        """End the member. For any thread."""
        self._call(self._kill)

    def has_begun(self) -> None:
        """The task is running on its worker, and waits for the connection."""
        if not self._talking and not self._is_gone:
            self._talking = asyncio.create_task(self._talk())

    def worker_left(self) -> None:
        """The worker is no part of the cluster any more."""
        if not self._talking:  # else the connection says whether the member has ended
            self._end(Gone("its Dask worker has left the cluster"))

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop of a client that was closed
            self._loop.call_soon_threadsafe(function, *arguments)

    def _begin(self) -> None:
        self._starting = asyncio.create_task(self._start())

    def _kill(self) -> None:
        if not self._talking:
            self._end(Gone("it was not needed any more"))
        self._outbox.put_nowait(_Order.KILL)

    async def _start(self) -> None:
        """Submit the task. A worker that cannot import what it runs would end, so ask first."""
        asking = check_versions(self._client, self.address, may_upload=self._uploads)
        try:
            unfit, self._uploads = await asyncio.wait_for(asking, _ANSWERED_WITHIN)
        except Exception as error:  # whatever it is, there is no member
            self._end(Gone(f"the Dask worker {self.address} does not answer: {error}"))
            return
        if unfit:
            self._end(Gone(unfit, is_unfit=True))
        if self._is_gone:
            return
        self._future = self._client.submit(
            _run_by_value() if self._uploads else run_member,
            self.key,
            self._topic,
            needed() if self._uploads else None,
            key=self.key,
            workers=[self.address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        self._future.add_done_callback(self._task_ended)

    async def _talk(self) -> None:
        cause: Exception | None = None
        try:
            comm = await connect(self.address, **self._client.connection_args)
        except OSError as error:
            sentence = f"cannot connect to the Dask worker {self.address}: {error}"
            self._end(Gone(sentence, is_unfit=True))
            return
        try:
            if self.address.startswith(_PLAIN) and not _is_here(comm):
                self._in_the_clear(self.address)
            await comm.write({"op": self.key, "reply": False})
            if self._uploads:
                await comm.write(packed())
            sent = ", which is sent pyfetch" if self._uploads else ""
            _log.info("a process begins on the Dask worker %s%s", self.address, sent)
            await self._exchange(comm)
        except Exception as error:  # whatever it is, the member is lost
            cause = error
        finally:
            comm.abort()
        if not self._is_gone:
            # Nobody has said that the process is gone. It ends by itself when its lease is over.
            await asyncio.sleep(LEASE + _MARGIN)
            self._end(Gone(f"the connection to the Dask worker {self.address} broke: {cause}"))

    async def _exchange(self, comm: Any) -> None:
        """Pass messages in both directions until the member has ended or the connection breaks."""
        sending = asyncio.create_task(self._send_all(comm))
        try:
            while True:
                data = await comm.read()
                if isinstance(data, dict):
                    self._end(Gone(data["ended"], data["is_unfit"], data["is_blameless"]))
                    return
                # Of a worker, which runs what this client wants anyway.
                self._heard(pickle.loads(data))  # noqa: S301
        finally:
            sending.cancel()

    async def _send_all(self, comm: Any) -> None:
        with contextlib.suppress(OSError):
            while True:
                try:
                    data = await asyncio.wait_for(self._outbox.get(), _STILL_THERE_EVERY)
                except TimeoutError:
                    data = b""
                if data is _Order.KILL:
                    await comm.write(KILL)
                    await asyncio.sleep(_KILLED_WITHIN)
                    comm.abort()  # it has not confirmed: its lease is over soon
                    return
                await comm.write(data)

    def _task_ended(self, future: Future) -> None:
        """In a thread of Dask: the task has failed, was cancelled, or has come to its end."""
        error = None
        with contextlib.suppress(Exception):  # it was cancelled, or the scheduler is gone
            error = future.exception(timeout=_KILLED_WITHIN)
        self._call(self._task_has_ended, error)

    def _task_has_ended(self, error: BaseException | None) -> None:
        if self._talking:  # the connection says how
            return
        self._end(Gone(f"its task ended: {error or 'nobody connected to it'}"))

    def _end(self, gone: Gone) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        if self._future:
            self._future.release()
        self._heard(gone)


@cache
def _run_by_value() -> Callable[..., Awaitable[str]]:
    """The same as `run_member`, for a worker that cannot import it."""
    import cloudpickle

    import pyfetch

    cloudpickle.register_pickle_by_value(pyfetch)
    try:
        pickled = cloudpickle.dumps(run_member)
    finally:
        cloudpickle.unregister_pickle_by_value(pyfetch)

    # Dask pickles by value what is within a function, and this refers to nothing of a module.
    async def run(*arguments: Any) -> str:
        import pickle

        how: str = await pickle.loads(pickled)(*arguments)  # noqa: S301 - of this very task
        return how

    return run


def _is_here(comm: Any) -> bool:
    """Whether both ends of a connection are on this machine."""
    host_here, host_there = (
        address.rpartition(":")[0] for address in (comm.local_address, comm.peer_address)
    )
    return bool(host_here == host_there)
