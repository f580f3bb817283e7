"""nginx on the loopback, unprivileged ports, http and https, for as long as it is needed.

It speaks HTTP/1.1 on both, as most of the clients do; at a third port HTTP/2 over TLS.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

INSTALL = "apt-get install nginx"
LONGEST_START = 10.0
"""Seconds after which it will not come any more."""
CONNECTIONS = 4096
"""Of each of its processes, at most. Each may need a second descriptor, for a file."""
MOST_OPEN_FILES = 20_000
"""Files that each of its processes keeps open at most, so that serving them is quick."""

CONFIGURATION = """\
daemon off;
worker_processes {processes};
pid {scratch}/nginx.pid;
error_log {scratch}/nginx.log;
{user}
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 10000000;
    keepalive_timeout 300s;
    open_file_cache max={open_files} inactive=1h;
    open_file_cache_valid 1h;
    client_body_temp_path {scratch}/nginx-body;
    proxy_temp_path {scratch}/nginx-proxy;
    fastcgi_temp_path {scratch}/nginx-fastcgi;
    uwsgi_temp_path {scratch}/nginx-uwsgi;
    scgi_temp_path {scratch}/nginx-scgi;
    ssl_certificate {scratch}/server.pem;
    ssl_certificate_key {scratch}/server.pem;
    ssl_session_cache shared:TLS:20m;
    server {{
        root {root};
        {listen}
    }}
}}
"""


class CannotServeError(Exception):
    """nginx is missing or did not start; the text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """Where it listens, and the authority that its certificate is from."""

    http: int
    https: int
    http2: int
    """HTTP/2 over TLS."""
    authority: Path


def found() -> str | None:
    """Where the program is: among those of administrators, often."""
    everywhere = os.pathsep.join(
        (os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin")
    )
    return shutil.which("nginx", path=everywhere)


@contextmanager
def serving(root: Path, scratch: Path, addresses: Sequence[str]) -> Iterator[Nginx]:
    """Serve what is below `root` at each of the addresses while this is entered.

    Raises `CannotServeError`.
    """
    program = found()
    if program is None:
        raise CannotServeError(f"nginx is not installed ({INSTALL})")
    http, https, http2 = free_ports(3)
    server = Nginx(http, https, http2, scratch / "authority.pem")
    certify(server.authority, scratch / "server.pem", addresses)
    configuration = scratch / "nginx.conf"
    configuration.write_text(configured(root, scratch, addresses, server))
    process = subprocess.Popen(
        [program, "-p", str(scratch), "-e", str(scratch / "nginx.log"), "-c", str(configuration)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the benchmark, which ends this one
    )
    try:
        wait_for(process, server, scratch / "nginx.log")
        yield server
    finally:
        process.terminate()
        process.wait()


def configured(root: Path, scratch: Path, addresses: Sequence[str], server: Nginx) -> str:
    listen = [f"listen {address}:{server.http};" for address in addresses]
    listen += [f"listen {address}:{server.https} ssl;" for address in addresses]
    listen += [f"listen {address}:{server.http2} ssl http2;" for address in addresses]
    return CONFIGURATION.format(
        processes=min(2, os.cpu_count() or 1),
        connections=CONNECTIONS,
        open_files=max(1, min(MOST_OPEN_FILES, descriptors() - 2 * CONNECTIONS)),
        root=root,
        scratch=scratch,
        # Its workers become `nobody` otherwise, whom a temporary directory shuts out.
        user="user root;" if os.geteuid() == 0 else "",
        listen="\n        ".join(listen),
    )


def descriptors() -> int:
    """How many a process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN_FILES + 2 * CONNECTIONS if soft == resource.RLIM_INFINITY else soft


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def certify(authority: Path, certificate: Path, addresses: Sequence[str]) -> None:
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(authority))
    issued = issuer.issue_cert(*addresses)
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))


def wait_for(process: subprocess.Popen[bytes], server: Nginx, log: Path) -> None:
    until = time.monotonic() + LONGEST_START
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", server.http), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    said = log.read_text() if log.exists() else ""
    raise CannotServeError(f"nginx does not start: {said.strip() or 'it says nothing'}")
