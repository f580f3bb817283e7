"""A server with many files of all sizes, sent so slowly that runs can be killed in between."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field

from tests.support.server import Handler, LoopbackServer, Page

PIECE = 64 * 1024
"""Bytes that the server sends of a large file at once."""


@dataclass
class Origin:
    """The files of the server, and every version of them that there ever was."""

    server: LoopbackServer
    randomness: random.Random
    files: int
    versions: dict[str, set[str]] = field(default_factory=dict)
    changes: int = 0

    def __post_init__(self) -> None:
        for number in range(self.files):
            if number % 26 == 5:
                size = self.randomness.randrange(3_000_000, 6_000_000)
            elif number % 12 == 7:
                size = self.randomness.randrange(100_000, 400_000)
            else:
                size = self.randomness.randrange(40_000)
            self.publish(f"file-{number:03}", size)

    def publish(self, name: str, size: int) -> None:
        """Put a new version of a file on the server."""
        self.changes += 1
        page = Page(self.randomness.randbytes(size), modified=1_700_000_000.0 + self.changes)
        self.server.pages[f"/{name}"] = page
        self.server.routes[f"/{name}"] = lambda h: self.slowly(h)
        self.versions.setdefault(name, set()).add(hashlib.sha256(page.body).hexdigest())

    def change_some(self) -> None:
        """New versions of a few files, of the same length."""
        for name in self.randomness.sample(sorted(self.versions), 3):
            self.publish(name, len(self.server.pages[f"/{name}"].body))

    def slowly(self, handler: Handler) -> None:
        """As the server answers, in pieces that can be caught between."""
        page = self.server.pages[handler.path]
        pieces = _Pieces(handler)
        handler.send = pieces.send  # type: ignore[method-assign]
        handler.page(page)

    @property
    def size(self) -> int:
        return sum(len(page.body) for page in self.server.pages.values())


class _Pieces:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def send(self, body: bytes) -> None:
        handler = self._handler
        for start in range(0, len(body), PIECE):
            piece = body[start : start + PIECE]
            handler.wfile.write(piece)
            handler.wfile.flush()
            handler.server.sent += len(piece)
            handler.server.over.wait(0.05)
