"""Certificates and what speaks TLS with them, for servers on the loopback."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from tests.support.command import Command
from tests.support.server import LoopbackServer


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


@contextmanager
def server_with_tls(command: Command, directory: Path, *hosts: str) -> Iterator[LoopbackServer]:
    """A server that speaks TLS as these hosts, whose authority the command trusts."""
    authority = trustme.CA()
    bundle = authorities_in(directory / "authority.pem", authority)
    command.environment["REQUESTS_CA_BUNDLE"] = bundle
    with LoopbackServer() as running:
        speak_tls(running, context_with(authority.issue_cert(*hosts)))
        yield running


def self_signed(host: str) -> trustme.LeafCert:
    """A certificate that nobody but itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .sign(key, hashes.SHA256())
    )
    return trustme.LeafCert(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM),
        [],
    )


def encrypted(key: bytes) -> bytes:
    """The same private key, which nobody can use without a password."""
    encryption = BestAvailableEncryption(b"s3cret")
    found = load_pem_private_key(key, None)
    return found.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
