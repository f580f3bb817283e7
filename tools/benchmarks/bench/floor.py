"""The least that threads in Python can do for a file: a socket, a hash, a file, and nothing else.

`floor.py URLS WORKERS [CA]`. No redirects, no errors, no names, no order, no state: it is no
downloader, but shows how much of the time of one is the interpreter's and the kernel's. Its threads
are on one CPU where bodies are small, which is quicker, and on all where they are large.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

CHUNK = 256 * 1024
LARGE = 1024 * 1024
ALL = os.sched_getaffinity(0)


def main(urls: Iterator[str], lock: threading.Lock, authority: str | None) -> None:
    """Be a worker: one connection to each host, kept open."""
    context = ssl.create_default_context(cafile=authority) if authority else None
    connections: dict[str, socket.socket] = {}
    buffer = memoryview(bytearray(CHUNK))
    while True:
        with lock:
            url = next(urls, None)
        if url is None:
            return
        parts = urlsplit(url)
        connection = connections.get(parts.netloc)
        if connection is None:
            plain = socket.create_connection((parts.hostname, parts.port))
            connection = (
                context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
            )
            connections[parts.netloc] = connection
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        received = connection.recv(16 * 1024)
        while b"\r\n\r\n" not in received:
            received += connection.recv(16 * 1024)
        head, _, body = received.partition(b"\r\n\r\n")
        left = int(head.lower().partition(b"content-length:")[2].split()[0]) - len(body)
        name = parts.path.rpartition("/")[2]
        if left > LARGE:
            os.sched_setaffinity(0, ALL)
        file = os.open(f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        digest = hashlib.sha256(body)
        os.write(file, body)
        while left:
            piece = buffer[: connection.recv_into(buffer)]
            digest.update(piece)
            os.write(file, piece)
            left -= len(piece)
        os.close(file)
        os.rename(f"{name}.part", name)  # noqa: PTH104 - no more than has to be


if __name__ == "__main__":
    _, listed, workers, *trusted = sys.argv
    todo = iter(Path(listed).read_text().split())
    os.sched_setaffinity(0, {max(ALL)})  # those that are started have it from this one
    arguments = (todo, threading.Lock(), trusted[0] if trusted else None)
    threads = [threading.Thread(target=main, args=arguments) for _ in range(int(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
