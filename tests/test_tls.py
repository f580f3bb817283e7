"""Certificates: verified always."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tests.conftest import Command
from tests.server import LoopbackServer, Page


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_server(server: LoopbackServer, authority: trustme.CA) -> LoopbackServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def test_a_certificate_that_nobody_vouches_for_is_refused_and_not_tried_again(
    pyfetch: Command, tls_server: LoopbackServer
) -> None:
    url = f"https://127.0.0.1:{tls_server.server_port}/x"
    (result,) = pyfetch("--format", "jsonl", url).results
    assert (result["error"], result["attempts"]) == ("tls", 1)
    assert "issuer" in result["detail"]
    assert tls_server.asked == []


def test_a_certificate_that_is_vouched_for_is_taken(
    pyfetch: Command, tls_server: LoopbackServer, authority: trustme.CA, tmp_path: Path
) -> None:
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    tls_server.pages["/x"] = Page(b"over TLS")
    pyfetch.environment["REQUESTS_CA_BUNDLE"] = str(bundle)
    assert pyfetch(f"https://127.0.0.1:{tls_server.server_port}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == b"over TLS"
