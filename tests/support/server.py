"""A web server on the loopback that does right by default and, where told to, wrong."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.support.serving import Serving

JUST_BEFORE_NOW = 1_700_000_000.0


@dataclass
class Page:
    """A file of the server. Its ETag is strong and made from the content unless one is given."""

    body: bytes
    modified: float | None = JUST_BEFORE_NOW
    etag: str | None = ""

    def __post_init__(self) -> None:
        if self.etag == "":
            self.etag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    time: float


class Handler(BaseHTTPRequestHandler):
    """One connection. Routes are called with it and write what they want."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: LoopbackServer

    def do_GET(self) -> None:
        if self.server.remember:
            asked = Asked(self.path, dict(self.headers), time.monotonic())
            self.server.asked.append(asked)
        if self.server.holds_after is not None and self.server.holds(self):
            return
        path = self.path.partition("?")[0]
        with self.server.counted(self):
            if path in self.server.routes:
                self.server.routes[path](self)
            elif path in self.server.pages:
                self.page(self.server.pages[path])
            else:
                self.answer(404, b"there is no such page\n")

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def finish(self) -> None:
        """Let go of the connection, though its other end may be gone."""
        with contextlib.suppress(OSError):
            super().finish()
        self.rfile.close()

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer. Underscores in the names of headers stand for hyphens."""
        self.head(status, **({"Content_Length": str(len(body))} | headers))
        self.send(body)

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, body: bytes) -> None:
        # Counted first: whoever has received it may look at the count.
        self.server.sent += len(body)
        try:
            self.wfile.write(body)
        except OSError:
            self.server.sent -= len(body)
            raise

    def cut(self) -> None:
        """End the connection here, whatever was announced."""
        self.wfile.flush()
        self.close_connection = True

    def stall(self) -> None:
        """Say nothing more until the test is over."""
        self.wfile.flush()
        self.server.over.wait(60)
        self.close_connection = True

    def page(self, page: Page) -> None:
        """A page as RFC 9110 wants it, conditions and a single range included."""
        headers: dict[str, str] = {"Accept_Ranges": "bytes"}
        if page.etag:
            headers["ETag"] = page.etag
        if page.modified is not None:
            headers["Last_Modified"] = formatdate(page.modified, usegmt=True)
        if self._unchanged(page):
            self.head(304, **headers)
            return
        start = self._range_start(page)
        if start is None:
            self.answer(200, page.body, **headers)
        elif start >= len(page.body):
            self.answer(416, b"", Content_Range=f"bytes */{len(page.body)}", **headers)
        else:
            whole = len(page.body)
            headers["Content_Range"] = f"bytes {start}-{whole - 1}/{whole}"
            self.answer(206, page.body[start:], **headers)

    def _unchanged(self, page: Page) -> bool:
        match = self.headers.get("If-None-Match")
        if match is not None:
            return match == page.etag
        since = self.headers.get("If-Modified-Since")
        if since is None or page.modified is None:
            return False
        return int(page.modified) <= parsedate_to_datetime(since).timestamp()

    def _range_start(self, page: Page) -> int | None:
        wanted = self.headers.get("Range", "")
        if not (wanted.startswith("bytes=") and wanted.endswith("-")):
            return None
        validator = self.headers.get("If-Range")
        modified = None if page.modified is None else formatdate(page.modified, usegmt=True)
        if validator is not None and validator not in (page.etag, modified):
            return None
        return int(wanted[6:-1])

    def log_message(self, *_: Any) -> None:
        pass


def basic(user: str, password: str) -> str:
    """What `Authorization` says of this user (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def redirect(handler: Handler, to: str, **headers: str) -> None:
    """A route, once it is told where to."""
    handler.answer(302, b"", Location=to, **headers)


class LoopbackServer(Serving, HTTPServer):
    """Serves `pages` and `routes` while it is entered; `asked` holds what came in."""

    request_queue_size = 256

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__(address, Handler)
        self.address = address
        self.pages: dict[str, Page] = {}
        self.routes: dict[str, Callable[[Handler], None]] = {}
        self.asked: list[Asked] = []
        self.remember = True
        """Whether `asked` is kept: not over a million requests."""
        self.sent = 0
        """Bytes of bodies that were written."""
        self.holds_after: int | None = None
        """How many of `asked` are answered at most: further ones wait."""
        self._goes_on = threading.Condition()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        """The paths that were asked for, in that order."""
        return [asked.path for asked in self.asked]

    @contextmanager
    def holding_after(self, asked: int) -> Iterator[None]:
        """Within, no more than so many of `asked` are answered, and afterwards the others never."""
        self.holds_after = asked
        try:
            yield
        finally:
            with self._goes_on:
                self.holds_after = None
                self._goes_on.notify_all()

    def holds(self, handler: Handler) -> bool:
        """Wait while no more is answered. Returns whether it was so: it is to be closed then."""
        with self._goes_on:
            if self.holds_after is None or len(self.asked) <= self.holds_after:
                return False
            self._goes_on.wait_for(lambda: self.holds_after is None)
        handler.close_connection = True
        return True

    @contextmanager
    def counted(self, handler: Handler) -> Iterator[None]:
        """Within, the handler is at it."""
        self.add(1)
        try:
            yield
            handler.wfile.flush()  # the answer is on its way before the count goes down
        finally:
            self.add(-1)

    def add(self, number: int) -> None:
        with self._lock:
            self.at_once += number
            self.most_at_once = max(self.most_at_once, self.at_once)
