"""What servers of the tests have in common: they serve while they are entered."""

from __future__ import annotations

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

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client or a server that goes away is what some tests are about."""
