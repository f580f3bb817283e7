"""Requests for small objects of S3."""

from __future__ import annotations

import socket

import pytest

from pyfetch.http.s3_objects import S3Objects
from pyfetch.http.s3_signature import S3Access


def test_what_is_asked_ahead_never_waits_for_a_connection() -> None:
    """A loop asks: the first bodies are put by threads, which leave their connections open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        access = S3Access(f"http://127.0.0.1:{port}", "region", "key", "secret", None)
        assert S3Objects(access, "bucket").ask_head("object") is None
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
