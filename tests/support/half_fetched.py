"""Bodies that break off, and answers that bring their rests."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer

BODY = os.urandom(300_000)
OTHER = os.urandom(300_000)
HALF = 100_000
ETAG = '"v1"'
OLD = "Tue, 14 Nov 2023 22:13:20 GMT"
REST = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
"""The Content-Range of what is still to come."""

Route = Callable[[Handler], None]


def in_turn(*routes: Route) -> Route:
    """One route after the other; the last one stays."""
    left = list(routes)
    return lambda h: (left.pop(0) if len(left) > 1 else left[0])(h)


def cut(body: bytes = BODY, at: int = HALF, **headers: str) -> Route:
    """An answer whose connection ends after `at` bytes of its body."""

    def route(handler: Handler) -> None:
        handler.head(200, **({"Content_Length": str(len(body))} | headers))
        handler.send(body[:at])
        handler.cut()

    return route


def whole(body: bytes = BODY, **headers: str) -> Route:
    return lambda h: h.answer(200, body, **headers)


def rest(content_range: str | None, body: bytes, **headers: str) -> Route:
    def route(handler: Handler) -> None:
        named = {"Content_Range": content_range} if content_range else {}
        handler.answer(206, body, **(named | headers))

    return route


GOOD_REST = rest(REST, BODY[HALF:], ETag=ETAG)


def urls_of(server: LoopbackServer) -> list[str]:
    """The URL of each route."""
    return [f"{server.url}{path}" for path in server.routes]


def check_all_are(body: bytes, pyfetch: Command, server: LoopbackServer) -> None:
    """Every route has become a file with this in it, and no part is left."""
    for path in server.routes:
        assert (pyfetch.directory / path[1:]).read_bytes() == body, path
    assert parts_in(pyfetch) == []


def parts_in(pyfetch: Command) -> list[str]:
    parts = pyfetch.directory / ".pyfetch" / "parts"
    return sorted(part.suffix for part in parts.iterdir()) if parts.exists() else []


def ranges(server: LoopbackServer) -> list[str | None]:
    return [asked.headers.get("Range") for asked in server.asked]
