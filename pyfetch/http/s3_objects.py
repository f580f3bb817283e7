"""Puts small objects of S3 and looks whether they are there: one request on a kept connection.

It never tries again. What is not answered plainly is left to the client of `storage`, which does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import select
import socket
import ssl
import time
import weakref
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import urlsplit

from pyfetch.headers import Fields
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.response_head import read_head
from pyfetch.http.s3_signature import EMPTY, S3Access, encoded, signed_fields

_TIMEOUT = 30.0
FRESH = 2.0
"""Seconds for which it counts that an object was not there."""
_OWN_FIELDS = ("Content-Type", "Content-Encoding")


def object_fields(attributes: Mapping[str, str]) -> dict[str, str]:
    """The header fields that give an object these attributes."""
    return {
        name if name in _OWN_FIELDS else f"x-amz-meta-{name}": value
        for name, value in attributes.items()
    }


class S3Objects:
    """Small objects of one bucket. For any thread."""

    def __init__(self, access: S3Access, bucket: str) -> None:
        self._access = access
        parts = urlsplit(access.endpoint)
        self._host = parts.netloc
        self._address = (
            parts.hostname or "",
            parts.port or (443 if parts.scheme == "https" else 80),
        )
        self._before = f"{parts.path.rstrip('/')}/{encoded(bucket)}/"
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: list[_KeptOpen] = []
        weakref.finalize(self, _close_all, self._idle)
        self._is_reached = True
        """Whether connections were made so far."""

    def __repr__(self) -> str:
        return f"S3Objects({self._before!r})"

    def ask_head(self, key: str) -> AskedHead | None:
        """Ask whether an object is there; the answer is read later. This waits for nothing.

        None: there is no open connection that is idle.
        """
        connection = self._sent("HEAD", key, {}, b"", opens=False)
        return AskedHead(self, connection) if connection else None

    def put(
        self, key: str, data: bytes | bytearray | memoryview, fields: Mapping[str, str]
    ) -> str | None:
        """Put an object. Returns its ETag with its quotes; None: nobody knows whether it is there.

        `fields`: header fields, a condition among them.
        """
        connection = self._sent("PUT", key, fields, data)
        answer = self.answer(connection, has_body=True) if connection else None
        if answer is None or answer[0] != 200:
            return None
        return answer[1].get("etag")

    def answer(self, connection: _KeptOpen, *, has_body: bool) -> tuple[int, Fields] | None:
        """Read status and fields of the answer; None if there is none."""
        try:
            connection.buffer.receive()
            line, fields = read_head(connection.buffer)
            left = int(fields.get("content-length", "-1")) if has_body else 0
            while left > 0 and (data := connection.buffer.read(left)):
                left -= len(data)
        except (OSError, HTTPException, ValueError):
            connection.socket.close()
            return None
        if left == 0 and fields.get("connection", "keep-alive").lower() == "keep-alive":
            self._idle.append(connection)
        else:
            connection.socket.close()
        return line.status, fields

    def _sent(
        self,
        method: str,
        key: str,
        fields: Mapping[str, str],
        body: bytes | bytearray | memoryview,
        *,
        opens: bool = True,
    ) -> _KeptOpen | None:
        connection = self._connection(opens=opens)
        if connection is None:
            return None
        digest = EMPTY
        if method == "PUT":
            hashed = hashlib.sha256(body)
            digest = hashed.hexdigest()
            # Each server checks one of both, if any: rclone and Ceph the first, AWS the second.
            md5 = hashlib.md5(body, usedforsecurity=False)
            checksums = {"Content-MD5": md5, "x-amz-checksum-sha256": hashed}
            fields = dict(fields)
            for name, checksum in checksums.items():
                fields[name] = base64.b64encode(checksum.digest()).decode()
        path = f"{self._before}{encoded(key, safe='/')}"
        signed = signed_fields(
            self._access, method, self._host, path, {}, fields, digest, time.time()
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        length = f"content-length: {len(body)}\r\n" if method == "PUT" else ""
        head = f"{method} {path} HTTP/1.1\r\n{lines}{length}\r\n".encode("ascii")
        try:
            connection.socket.sendall(head + body)
        except OSError:
            connection.socket.close()
            return None
        return connection

    def _connection(self, *, opens: bool) -> _KeptOpen | None:
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread was faster
                connection = self._idle.pop()
                if connection.is_idle:
                    return connection
                connection.socket.close()
        if not (opens and self._is_reached):
            return None
        try:
            made = socket.create_connection(self._address, _TIMEOUT)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                made = self._tls.wrap_socket(made, server_hostname=self._address[0])
        except OSError:
            self._is_reached = False
            return None
        return _KeptOpen(made)


def _close_all(connections: list[_KeptOpen]) -> None:
    for connection in connections:
        connection.socket.close()


class AskedHead:
    """A HEAD whose answer is on its way, while something else is done. For one thread."""

    def __init__(self, objects: S3Objects, connection: _KeptOpen) -> None:
        self._objects = objects
        self._connection: _KeptOpen | None = connection
        self._asked_at = time.monotonic()

    def says_missing(self) -> bool:
        """Whether certainly nothing was there, a moment ago. To be called once."""
        connection, self._connection = self._connection, None
        answer = self._objects.answer(connection, has_body=False) if connection else None
        if time.monotonic() - self._asked_at > FRESH:
            return False
        return bool(answer and answer[0] == 404)

    def close(self) -> None:
        """The answer is not wanted any more."""
        if self._connection:
            self._connection.socket.close()


class _KeptOpen:
    """A connection that is kept open between requests, for one of them at a time."""

    __slots__ = ("_poll", "buffer", "socket")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.buffer = ReadBuffer(connection)
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    @property
    def is_idle(self) -> bool:
        """Whether the server has neither closed it nor sent anything unasked."""
        return not (self.buffer.holds_bytes or self._poll.poll(0))
