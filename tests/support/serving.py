"""What servers of the tests have in common: they serve while they are entered."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from typing import Self


class Serving(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server with a thread for each connection, none of which is waited for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: str, handler: type[socketserver.StreamRequestHandler]) -> None:
        super().__init__((address, 0), handler)
        self.over = threading.Event()
        """Set once the test is over."""
        self.connections = 0
        """How many were made."""
        self._waking, self._woken = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept_until_over, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._waking.close()
        self._accepting.join()
        self._woken.close()
        self.server_close()

    def _accept_until_over(self) -> None:
        """As `serve_forever`, which only looks from time to time whether it is over."""
        while True:
            ready, _, _ = select.select([self.socket, self._woken], [], [])
            if self._woken in ready:
                return
            self.handle_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client or a server that goes away is what some tests are about."""
