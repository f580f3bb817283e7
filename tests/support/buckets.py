"""Real servers of S3 on the loopback, and a proxy before them that makes trouble."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import shlex
import socket
import subprocess
import sysconfig
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import obstore
from obstore.store import S3Store

from pyfetch.http.s3_signature import S3Access
from pyfetch.http.s3_uploads import S3Uploads
from tests.support.command import Command, InstalledCommand

KEY_ID, SECRET = "AKIDEXAMPLE0001", "SECRETEXAMPLE0001"
_SCRIPTS = Path(sysconfig.get_path("scripts"))
OF_OBSTORE = ("--store-option", "allow_invalid_certificates=true")
"""With this option, `obstore` makes all requests."""
BUCKET = "bucket"
_PATIENCE = 30.0


class BucketServer:
    """A server of S3 in a process of its own, for a `with` statement."""

    def __init__(self, command: Callable[[int], list[str]]) -> None:
        self._command = command
        self.port = 0

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._process = subprocess.Popen(
            self._command(self.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _PATIENCE
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            assert self._process.poll() is None, "the server has ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # rclone would take its time
        self._process.wait()

    def bucket(self) -> BucketOfTests:
        """A place in a bucket that nobody else has."""
        return BucketOfTests(f"some-{uuid.uuid4().hex[:12]}/prefix", self.port)


def rclone_server(directory: Path) -> BucketServer:
    """`rclone serve s3`: it knows no conditions, and gives large objects another ETag later."""
    buckets = directory / "buckets"
    for name in (BUCKET, "my-bucket"):
        (buckets / name).mkdir(parents=True, exist_ok=True)
    return BucketServer(lambda port: _rclone(port, buckets))


def _rclone(port: int, buckets: Path) -> list[str]:
    # `--config ""`: that of this machine's user is nothing to the tests.
    serve = [str(_SCRIPTS / "rclone"), "--config", "", "serve", "s3"]
    keys = f"{KEY_ID},{SECRET}"
    return [*serve, "--addr", f"127.0.0.1:{port}", "--auth-key", keys, str(buckets)]


class SmallServer(BucketServer):
    """The same on a small file system of its own, which it alone sees, and which gets full."""

    def __init__(self, directory: Path, size: int) -> None:
        """`size`: of the file system, in bytes."""
        within = shlex.quote(str(directory))
        mounted = f"mount -t tmpfs -o size={size} tmpfs {within} && mkdir {within}/{BUCKET}"

        def command(port: int) -> list[str]:
            serve = shlex.join(_rclone(port, directory))
            return ["unshare", "-rm", "sh", "-c", f"{mounted} && exec {serve}"]

        super().__init__(command)
        self._directory = directory

    @staticmethod
    def can_be() -> bool:
        """Whether this machine lets us mount a file system that we alone see."""
        try:
            tried = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
            return subprocess.run(tried, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    @property
    def place(self) -> Path:
        """That file system, as others get there."""
        return Path(f"/proc/{self._process.pid}/root{self._directory}")


class MotoServer(BucketServer):
    """A server of `moto`: it obeys conditions."""

    def __init__(self) -> None:
        program = str(_SCRIPTS / "moto_server")
        super().__init__(lambda port: [program, "-H", "127.0.0.1", "-p", str(port)])

    def __enter__(self) -> Self:
        super().__enter__()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("PUT", f"/{BUCKET}")
        assert connection.getresponse().status == 200
        connection.close()
        return self


class BucketOfTests:
    """A bucket below a prefix, seen from outside. Keys are those below the prefix."""

    def __init__(self, prefix: str, port: int, name: str = BUCKET) -> None:
        self.name = name
        self.prefix = prefix
        self.port = port
        """Where commands connect to; a proxy has another one than the server."""
        self.client = S3Store(
            name, prefix=prefix, endpoint=f"http://127.0.0.1:{port}", access_key_id=KEY_ID,
            secret_access_key=SECRET, region="us-east-1", client_options={"allow_http": True},
        )  # fmt: skip

    @property
    def address(self) -> str:
        return f"s3://{self.name}/{self.prefix}"

    @property
    def endpoint(self) -> str:
        return f"endpoint=http://127.0.0.1:{self.port}"

    def arguments(self, *more: str) -> list[str]:
        """Arguments with which the command saves below the prefix."""
        return ["-o", self.address, "--store-option", self.endpoint, *more]

    def objects(self) -> dict[str, bytes]:
        """The objects, without those of pyfetch itself."""
        return {key: self.read(key) for key in self.list() if not key.startswith(".pyfetch/")}

    def uploads(self) -> list[str]:
        """Whole keys of uploads below the prefix that are not complete."""
        return [key for key, _ in self._uploads().below(f"{self.prefix}/")]

    def begin_upload(self, key: str, *parts: bytes) -> None:
        """Begin an upload as another program does it, and put these parts."""
        whole, client = f"{self.prefix}/{key}", self._uploads()
        upload = client.begin(whole, {}).identifier
        for number, part in enumerate(parts, 1):
            client.put_part(whole, upload, number, part)

    def end_uploads(self) -> None:
        """End all uploads below the prefix."""
        client = self._uploads()
        for key, upload in list(client.below(f"{self.prefix}/")):
            client.abort(key, upload)

    def _uploads(self) -> S3Uploads:
        access = S3Access(f"http://127.0.0.1:{self.port}", "us-east-1", KEY_ID, SECRET)
        return S3Uploads(access, self.name)

    def list(self) -> list[str]:
        return sorted(one["path"] for chunk in obstore.list(self.client) for one in chunk)

    def read(self, key: str) -> bytes:
        return bytes(obstore.get(self.client, key).bytes())

    def size(self, key: str) -> int:
        return obstore.head(self.client, key)["size"]

    def write(self, key: str, content: bytes) -> None:
        obstore.put(self.client, key, content)

    def attributes(self, key: str) -> dict[str, str]:
        found = obstore.get(self.client, key, options={"head": True}).attributes
        return {str(name): str(value) for name, value in found.items()}


def may_use_buckets(command: Command | InstalledCommand) -> None:
    """Give a command the credentials, and a place for the state of its runs."""
    for name in [name for name in command.environment if name.startswith("AWS_")]:
        del command.environment[name]
    command.environment |= {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "XDG_STATE_HOME": str(command.directory / "state"),
    }


class Trouble(ThreadingHTTPServer):
    """A proxy before a server of S3. `plan` says for each request what goes wrong, if anything."""

    daemon_threads = True

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.behind = behind
        self.asked: list[tuple[str, str]] = []
        """Method and target of each request."""
        self.heads: list[dict[str, str]] = []
        """The header fields of each request, by their names in lower case."""
        self.checks = True
        """Whether bodies are checked as S3 does it, before the server behind gets them."""
        self.plan: Callable[[str, str], str | int | None] = lambda _method, _target: None
        """What goes wrong: the status of an answer, `drop` in the body of the request, `damage` a
        byte of it, `lose` the answer, or `hold` it for ever; None: nothing."""
        self.holds = threading.Event()
        """Set once an answer is held."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


CODES = {
    400: "BadDigest", 403: "AccessDenied", 404: "NoSuchUpload", 412: "PreconditionFailed",
    500: "InternalError", 503: "SlowDown", 507: "InsufficientStorage",
}  # fmt: skip
UNCHECKED = "UNSIGNED-PAYLOAD"


def is_as_sent(body: bytes, fields: dict[str, str]) -> bool:
    """Whether a body has the checksums that its fields name."""
    sha256, md5 = hashlib.sha256(body), hashlib.md5(body, usedforsecurity=False)
    right = {
        "content-md5": base64.b64encode(md5.digest()).decode(),
        "x-amz-checksum-sha256": base64.b64encode(sha256.digest()).decode(),
        "x-amz-content-sha256": sha256.hexdigest(),
    }
    return all(fields.get(name, UNCHECKED) in (value, UNCHECKED) for name, value in right.items())


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Trouble

    def _any(self) -> None:
        server = self.server
        server.asked.append((self.command, self.path))
        fields = {name.lower(): value for name, value in self.headers.items()}
        server.heads.append(fields)
        wrong = server.plan(self.command, self.path)
        length = int(self.headers.get("Content-Length", 0))
        if wrong == "drop":
            self.rfile.read(length // 2)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = self.rfile.read(length)
        if wrong == "damage":
            body = bytes([body[0] ^ 1]) + body[1:]
        if server.checks and not is_as_sent(body, fields):
            wrong = 400
        if isinstance(wrong, int):
            code = CODES[wrong]
            self._answer(wrong, [], f"<Error><Code>{code}</Code></Error>".encode())
            return
        behind = http.client.HTTPConnection("127.0.0.1", server.behind)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            behind.putheader(name, value)
        with contextlib.suppress(OSError):  # it may answer before it has read the body
            behind.endheaders(body)
        answer = behind.getresponse()
        content = answer.read()
        behind.close()
        if wrong == "hold":
            server.holds.set()
            self.rfile.read(1)  # until whoever has asked is gone
        if wrong in ("lose", "hold"):
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(answer.status, answer.getheaders(), content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        of_head = {name.lower(): value for name, value in headers}.get("content-length")
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", of_head or "0" if is_head else str(len(content)))
        self.end_headers()
        if not is_head:
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass
