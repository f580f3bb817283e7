"""Certificates and what speaks TLS with them, for servers on the loopback."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from tests.server import LoopbackServer


def context_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """The context of a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def speak_tls(server: LoopbackServer, context: ssl.SSLContext) -> str:
    """Let a server that was not yet asked speak TLS. Returns its URL."""
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://127.0.0.1:{server.server_port}"


def authorities_in(file: Path, *authorities: trustme.CA) -> str:
    """The name of a file with the certificates of these authorities."""
    file.write_bytes(b"".join(authority.cert_pem.bytes() for authority in authorities))
    return str(file)
