"""Easy handles of libcurl, used for one request after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pycurl

from pyfetch.http.curl.head import final_head, framed_by_libcurl, raw_head
from pyfetch.http.curl.head_lines import HeadLines
from pyfetch.http.curl.options import Options
from pyfetch.http.curl.request_watch import RequestWatch
from pyfetch.http.curl.used_connection import Request, UsedConnection
from pyfetch.http.origin_config import OriginConfig
from pyfetch.http.response import RawHeads, ResponseHead, framing_of
from pyfetch.http.response_head import BadHeadError
from pyfetch.http.route import Route, request_target
from pyfetch.urls import Url

_METHOD = (b"GET ", b"CONNECT ")


class Handle:
    """One easy handle. It knows which options it has, and gets only those that differ."""

    __slots__ = (
        "_fields", "_is_for_new", "_is_streaming", "_version", "connection", "easy", "heads",
        "keeps_heads", "reads_on", "route", "sent", "sent_at", "version", "wants_new_connection",
        "watch",
    )  # fmt: skip

    def __init__(self, connection: UsedConnection, heads: HeadLines) -> None:
        self.easy = pycurl.Curl()
        self.connection = connection
        self.heads = heads
        self.watch = RequestWatch(self.easy, connection)
        self.route: Route | None = None
        """The route that it was used for last."""
        self._fields: Mapping[str, str | bytes] | None = None
        self.wants_new_connection = False
        """Whether the request that is prepared next may not go over an open connection."""
        self._is_for_new = False
        """What libcurl was told of that."""
        self._is_streaming = False
        """Whether libcurl was told to give the pieces of a body to something else."""
        self.version: int | None = None
        """The version of HTTP of the next request, as libcurl numbers it; None: the usual one."""
        self._version: int | None = None
        self.reads_on = False
        """Whether libcurl reads on behind the body, as it does not know its length."""
        self.keeps_heads = False
        """Whether `sent` and `sent_at` are noted."""
        self.sent = b""
        """The head of the request, as it was sent."""
        self.sent_at = 0.0
        """When that was, in seconds since the epoch."""

    def prepare(
        self,
        url: str,
        fields: Mapping[str, str | bytes],
        config: OriginConfig,
        options: Options,
        request: Request,
    ) -> None:
        """Describe a GET. Raises `ValueError` for one that cannot be sent."""
        route, connection = config.route, self.connection
        connection.begin(request, route)
        self.heads.clear()
        lines = None if fields is self._fields else _header_lines(fields)
        easy = self.easy
        if route is not self.route:
            easy.reset()
            self._fields = self.route = None
            self._is_for_new = self._is_streaming = False
            self._version = None
            for option, value in options.of(route):
                easy.setopt(option, value)
            # No function of Python's: it is called for each line.
            easy.setopt(pycurl.HEADERFUNCTION, self.heads.lines.append)
            easy.setopt(pycurl.WRITEFUNCTION, self._write)
            easy.setopt(pycurl.OPENSOCKETFUNCTION, connection.open_socket)
            easy.setopt(pycurl.SOCKOPTFUNCTION, connection.socket_made)
            easy.setopt(pycurl.PREREQFUNCTION, connection.sending)
            easy.setopt(pycurl.RESOLVER_START_FUNCTION, connection.resolving)
            self.keeps_heads = options.keeps_heads
            if self.keeps_heads:
                easy.setopt(pycurl.VERBOSE, 1)
                easy.setopt(pycurl.DEBUGFUNCTION, self._hear)
            self.route = route
            lines = _header_lines(fields)
        if lines is not None:
            easy.setopt(pycurl.HTTPHEADER, lines)
            self._fields = fields
        if self._is_streaming:
            easy.setopt(pycurl.WRITEFUNCTION, self._write)
            self._is_streaming = False
        if self.wants_new_connection is not self._is_for_new:
            easy.setopt(pycurl.FRESH_CONNECT, self.wants_new_connection)
            self._is_for_new = self.wants_new_connection
        if self.version != self._version:
            easy.setopt(
                pycurl.HTTP_VERSION, options.version if self.version is None else self.version
            )
            self._version = self.version
        easy.setopt(pycurl.URL, _plain(url, route) if "@" in url or "#" in url else url)

    def write_to(self, take: Callable[[bytes], int | None]) -> None:
        """Give further pieces of the body to this, and not to the request."""
        self.easy.setopt(pycurl.WRITEFUNCTION, take)
        self._is_streaming = True

    def response(self, url: Url) -> ResponseHead:
        """The head of the response, which has come from this URL.

        Raises `HTTPException` if it is no proper one.
        """
        heads = self.heads
        status_line, fields, version, is_plain = final_head(heads.lines, heads.of_proxy)
        framing = framing_of(status_line.status, fields)
        self.reads_on = False
        if "transfer-encoding" in fields or not is_plain:
            decodes, knows_length = framed_by_libcurl(raw_head(heads.lines, heads.of_proxy))
            if framing.chunked and not decodes:
                raise BadHeadError("its head has white space in front of a colon")
            self.reads_on = framing.length is not None and not knows_length
        response = ResponseHead(url, status_line, fields, framing, version)
        if self.keeps_heads:
            head = raw_head(heads.lines, heads.of_proxy)
            response.raw = RawHeads(self.sent, head, self.sent_at, None)
        return response

    def _hear(self, kind: int, data: bytes) -> None:
        """Note the head of a request; a proxy may have been sent one before."""
        if kind != pycurl.INFOTYPE_HEADER_OUT:
            return
        if data.startswith(_METHOD):  # else it is the rest of one that was sent in pieces
            self.sent, self.sent_at = b"", time.time()
        self.sent += data

    def _write(self, data: bytes) -> int | None:
        request = self.connection.request
        return request.write(data) if request else 0


def _header_lines(fields: Mapping[str, str | bytes]) -> list[bytes]:
    """The lines of these fields. Raises `ValueError` for a value with a line end in it."""
    lines = []
    names = set()
    for name, value in fields.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        line = f"{name}: {text}" if text else f"{name};"  # libcurl would leave `Name:` out
        if "\n" in line or "\r" in line:
            raise ValueError("a header field has a line break in it")
        lines.append(line.encode("latin-1"))
        names.add(name.lower())
    lines += [f"{name}:".encode() for name in ("Accept", "User-Agent") if name.lower() not in names]
    return lines


def _plain(url: str, route: Route) -> str:
    """The URL without credentials and fragment: libcurl would make a log-in of these."""
    return f"{route.scheme}://{route.authority}{request_target(url)}"
