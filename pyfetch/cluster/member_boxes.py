"""What comes to a member and what leaves it, over its connection to the coordinator."""

from __future__ import annotations

import os
import pickle
import queue
import time
from collections import deque
from typing import NoReturn

from pyfetch.cluster import messages
from pyfetch.cluster.executor import LEASE_OVER
from pyfetch.processes.channel import Channel
from pyfetch.system import daemon


class Inbox:
    """Receives messages. This process ends at once if the connection does, or the lease."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._come: deque[bytes] = deque()
        """Messages that have come and were not taken."""
        self.lease: float | None = None
        """Seconds without any message, not even an empty one, after which this process ends."""

    def take(self) -> messages.ToMember:
        """The next message. Waits for it."""
        while not self._come:
            try:
                if self.lease and not self._channel.waits(self.lease):
                    _die(LEASE_OVER)
                # An empty one says that the coordinator is there.
                self._come += filter(None, self._channel.receive_data())
            except (EOFError, OSError):
                _die()
        message: messages.ToMember = pickle.loads(self._come.popleft())  # noqa: S301 - of ours
        return message


class Outbox:
    """Sends messages in a thread of its own, all that are waiting in one list."""

    def __init__(self, channel: Channel, gather: float) -> None:
        """`gather`: seconds for which more messages are waited for once there is one."""
        self._channel = channel
        self._gather = gather
        self._waiting: queue.SimpleQueue[messages.FromMember] = queue.SimpleQueue()
        self.put = self._waiting.put
        self._sender = daemon(self._send, "sender")
        self._sender.start()

    def wait_until_sent(self) -> None:
        """Wait until the last message was sent."""
        self._sender.join()

    def _send(self) -> None:
        while True:
            together = [self._waiting.get()]
            if self._gather:
                time.sleep(self._gather)
            while not self._waiting.empty():
                together.append(self._waiting.get())
            try:
                self._channel.send(together)
            except OSError:
                _die()
            if isinstance(together[-1], messages.MemberEnded | messages.IsUnfit):
                return


def _die(status: int = 1) -> NoReturn:
    """End at once, with all threads: the coordinator has ended, or cannot be heard.

    On the coordinator's machine, this process, too, holds the lock of the output directory. If it
    stopped in order, or waited for a thread in a system call, the user's next run would be refused
    in the meantime. And `sys.exit` would only end the thread that calls it, which is not the main
    one.
    """
    os._exit(status)
