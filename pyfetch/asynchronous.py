"""Items for `async for`, under asyncio or trio: a thread iterates them and wakes the event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from pyfetch.errors import UsageError
from pyfetch.system import daemon

CAPACITY = 256
"""Items that may wait for the event loop before the thread takes no more."""

Item = TypeVar("Item")


async def iterated_by_thread(
    items: Generator[Item, None, None], stop: Callable[[], None]
) -> AsyncGenerator[Item, None]:
    """Yield the items that a thread takes from a generator, which may block it.

    Where the caller leaves or is cancelled, `stop` is called, which must not block and must make
    the generator return soon; the thread then closes it. Raises what the generator raises.
    """
    handover = _Handover[Item](_running_loop())
    daemon(partial(handover.fill, items), "async results").start()
    try:
        while taken := await handover.take():
            for item in taken:
                yield item
    finally:
        handover.leave()
        stop()


class _Event(Protocol):
    def set(self) -> object: ...

    def wait(self) -> Awaitable[object]: ...


class _EventLoop(NamedTuple):
    """What is needed of the event loop that runs the caller."""

    call_soon: Callable[[Callable[[], object]], object]
    """Let the loop call this; for any thread. Raises `RuntimeError` once the loop has ended."""
    new_event: Callable[[], _Event]


def _running_loop() -> _EventLoop:
    try:
        return _EventLoop(asyncio.get_running_loop().call_soon_threadsafe, asyncio.Event)
    except RuntimeError:
        trio = sys.modules.get("trio")
    if trio is None or not trio.lowlevel.in_trio_run():
        raise UsageError("asynchronous results need an event loop: that of asyncio or of trio")
    return _EventLoop(trio.lowlevel.current_trio_token().run_sync_soon, trio.Event)


class _Handover(Generic[Item]):
    """Items between the thread that takes them and the event loop, under one lock."""

    def __init__(self, loop: _EventLoop) -> None:
        self._loop = loop
        self._changed = threading.Condition()
        self._items: deque[Item] = deque()
        self._error: BaseException | None = None
        self._has_ended = self._is_left = False
        self._awaited: _Event | None = None
        """What the event loop waits for; None while it is busy."""

    def fill(self, items: Generator[Item, None, None]) -> None:
        """Be the thread: take items until they end, or until the caller has left."""
        try:
            for item in items:
                if not self._put(item):
                    break
            items.close()
        except BaseException as error:  # raised where the items are awaited
            self._error = error
        with self._changed:
            self._has_ended = True
            self._wake()

    def leave(self) -> None:
        """Let the thread end: nobody wants more."""
        with self._changed:
            self._is_left = True
            self._changed.notify()

    async def take(self) -> list[Item]:
        """Return all items that wait, and wait for the first; an empty list at the end."""
        while True:
            with self._changed:
                if self._items or self._has_ended:
                    taken = list(self._items)
                    self._items.clear()
                    self._changed.notify()
                    break
                self._awaited = event = self._loop.new_event()
            await event.wait()
        if self._error and not taken:
            raise self._error
        return taken

    def _put(self, item: Item) -> bool:
        """Add an item, and wait while too many wait. Returns whether more are wanted."""
        with self._changed:
            self._items.append(item)
            self._wake()
            self._changed.wait_for(lambda: self._is_left or len(self._items) < CAPACITY)
            return not self._is_left

    def _wake(self) -> None:
        event, self._awaited = self._awaited, None
        if event is not None:
            try:
                self._loop.call_soon(event.set)
            except RuntimeError:  # the event loop has ended
                self._is_left = True
