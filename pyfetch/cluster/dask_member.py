"""The end of a member that is on a Dask worker: a task that starts a process, and passes messages.

The task runs on the worker's event loop. The coordinator connects to the worker's own port; nothing
else listens anywhere, and Dask encrypts that connection as it does all others. The task never
reads the messages. If the connection ends, it kills the process at once.

A worker that has no pyfetch gets the task by value, with all that it uses of pyfetch.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from distributed import get_worker

from pyfetch.cluster.executor import Gone
from pyfetch.cluster.process import WorkerProcess
from pyfetch.cluster.upload import missing, unpacked
from pyfetch.errors import StoppedError

if TYPE_CHECKING:
    from distributed.comm import Comm

_CONNECTED_WITHIN = 20.0
"""Seconds in which the coordinator has to connect after it was told that the task has begun."""
_ENDED_WITHIN = 5.0
"""Seconds that a killed process gets to be gone."""
KILL = "kill"
"""Sent to the task: kill the process."""


async def run_member(key: str, topic: str, wanted: tuple[str, ...] | None = None) -> str:
    """Run a member in a process of its own; return how it ended.

    `key`: secret name of the connection, which the coordinator opens after it was told the key as
    an event of this topic. `wanted`: what pyfetch needs here; it is then the first message itself.
    """
    worker = get_worker()
    connected: asyncio.Future[Comm] = asyncio.get_running_loop().create_future()
    is_done = asyncio.Event()

    async def take(comm: Comm) -> None:
        if connected.done():
            comm.abort()
            return
        connected.set_result(comm)
        await is_done.wait()  # Dask would read the messages itself if this returned earlier

    worker.handlers[key] = take
    try:
        worker.log_event(topic, key)
        comm = await asyncio.wait_for(connected, _CONNECTED_WITHIN)
        package = None
        if wanted is not None:
            archive = await comm.read()
            lacking = missing(wanted)
            if lacking:
                return await _tell_end(comm, Gone(_advice(worker.address, lacking), is_unfit=True))
            package = await asyncio.to_thread(unpacked, archive, worker.local_directory)
        return await _pass_messages(comm, package)
    except TimeoutError:
        return "the coordinator did not connect"
    finally:
        worker.handlers.pop(key, None)
        is_done.set()


def _advice(address: str, lacking: list[str]) -> str:
    wanted = " ".join(f"'{one}'" for one in lacking)
    return f"the Dask worker {address} lacks what pyfetch needs (pip install {wanted})"


async def _pass_messages(comm: Comm, package: str | None) -> str:
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[Gone] = loop.create_future()
    place = tempfile.mkdtemp(prefix="pyfetch-", dir=get_worker().local_directory)
    try:
        process = WorkerProcess(package, place)
    except StoppedError as error:
        shutil.rmtree(place, ignore_errors=True)
        return await _tell_end(comm, Gone(str(error)))

    def hear(data: bytes | Gone) -> None:  # in a thread, which waits: so little is in memory here
        with contextlib.suppress(RuntimeError):  # the loop of a worker that has closed
            if isinstance(data, Gone):
                shutil.rmtree(place, ignore_errors=True)
                loop.call_soon_threadsafe(gone.set_result, data)
                return
            try:
                asyncio.run_coroutine_threadsafe(comm.write(data), loop).result()
            except OSError:
                process.kill()

    process.begin(hear)
    reading = asyncio.create_task(_pass_to_process(comm, process))
    try:
        await asyncio.shield(gone)
    finally:  # also if the Dask worker closes, which cancels this
        is_closing = not gone.done()
        process.kill()
        with contextlib.suppress(TimeoutError):
            ended = await asyncio.wait_for(gone, _ENDED_WITHIN)
            if is_closing:
                ended = Gone("its Dask worker closes", is_blameless=True)
            await _tell_end(comm, ended)
        reading.cancel()  # not earlier: a connection that is no longer read is closed at once
        comm.abort()
    return ended.how


async def _pass_to_process(comm: Comm, process: WorkerProcess) -> None:
    with contextlib.suppress(OSError):
        while (data := await comm.read()) != KILL:
            process.send(data)
    process.kill()


async def _tell_end(comm: Comm, gone: Gone) -> str:
    """Prove to the coordinator that the process writes nothing more. Return how it ended."""
    with contextlib.suppress(OSError):
        message: dict[str, Any] = {
            "ended": gone.how,
            "is_unfit": gone.is_unfit,
            "is_blameless": gone.is_blameless,
        }
        await comm.write(message)
        await comm.close()
    return gone.how
