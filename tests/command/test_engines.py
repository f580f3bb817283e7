"""The engine over libcurl beside that over threads. Most tests of the command run with either."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import trustme

from pyfetch.http.route import new_socket
from tests.support.archives import archives, records
from tests.support.certificates import authorities_in
from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

CURL = ("--engine", "curl")
LARGE = os.urandom(3_000_000)


def test_both_give_the_same_rows_and_files(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages |= {f"/{number}": Page(b"x" * number) for number in range(50)}
    server.pages["/large"] = Page(LARGE)
    server.routes["/away"] = lambda h: h.answer(302, b"", Location="/7")
    urls = [f"{server.url}{path}" for path in (*server.pages, "/away", "/none")]
    lines = "\n".join([*urls, "no url"])
    threads = pyfetch("--engine", "threads", "-o", "threads", stdin=lines)
    curl = pyfetch(*CURL, "-o", "curl", stdin=lines)
    assert curl.out.replace("curl/", "threads/") == threads.out
    assert curl.status == threads.status == 1
    for file in (pyfetch.directory / "threads").glob("[0-9al]*"):
        assert (pyfetch.directory / "curl" / file.name).read_bytes() == file.read_bytes()


def test_a_large_body_has_its_digest_and_a_rerun_finds_it_unchanged(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/large"] = Page(LARGE, etag='"1"')
    for outcome in ("fetched", "unchanged"):
        (result,) = pyfetch(*CURL, "--format", "jsonl", f"{server.url}/large").results
        assert (result["outcome"], result["size"]) == (outcome, len(LARGE))
        assert result["sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert (pyfetch.directory / "large").read_bytes() == LARGE


def test_an_address_without_a_socket_is_no_failure_if_another_one_answers(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """The system may know a family of addresses that it makes no sockets for."""
    from pyfetch.http.curl import used_connection

    server.pages["/x"] = Page(b"x")
    families: list[socket.AddressFamily] = []

    def has_no_ipv6(proxy: Any, family: socket.AddressFamily, *others: Any) -> socket.socket:
        families.append(family)
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return new_socket(proxy, family, *others)

    with mock.patch.object(used_connection, "new_socket", has_no_ipv6):
        # libcurl takes this name for both ::1 and 127.0.0.1, if there is any IPv6.
        ended = pyfetch(*CURL, "--retries", "0", f"http://localhost:{server.server_port}/x")
    assert [row[0] for row in ended.rows] == ["200"]
    assert (ended.status, socket.AF_INET in families) == (0, True)


def test_what_is_refused_behind_a_pause_fails_alone(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """With `--content-disposition`, libcurl keeps the body until the file has its name."""

    def chunked(body: bytes, end: bytes) -> Callable[[Handler], None]:
        def route(handler: Handler) -> None:
            handler.head(200, Transfer_Encoding="chunked")
            handler.send(b"%x\r\n%b\r\n%b" % (len(body), body, end))
            handler.cut()

        return route

    server.routes["/large"] = chunked(b"x" * 15_000, b"0\r\n\r\n")
    server.routes["/odd"] = chunked(b"x", b"g\r\n")
    server.pages["/good"] = Page(b"good")
    urls = [f"{server.url}/{name}" for name in ("large", "odd", "good")]
    ended = pyfetch(*CURL, "--content-disposition", "--max-size", "10000", "--retries", "0", *urls)
    assert [row[4] for row in ended.rows] == ["too-large", "truncated", "-"]


@pytest.mark.slow
def test_processes_use_it_too(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages |= {f"/{number}": Page(b"x") for number in range(20)}
    urls = [f"{server.url}{path}" for path in server.pages]
    ended = pyfetch(*CURL, "--processes", "2", "-v", *urls)
    assert [row[0] for row in ended.rows] == ["200"] * 20


def test_a_name_of_this_machine_is_no_public_address(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """libcurl looks the name up itself; what it then would connect to is judged."""
    url = f"http://localhost:{server.server_port}/x"
    (row,) = pyfetch(*CURL, "--public-only", "--discard", url).rows
    assert row[4] == "forbidden-address"
    assert "loopback" in row[5]
    assert server.connections == 0


def test_without_the_extra_one_sentence_says_what_to_install(pyfetch: Command) -> None:
    with mock.patch("pyfetch.engine.base.find_spec", return_value=None):
        ended = pyfetch(*CURL, "http://h/x")
    assert ended.status == 2
    assert ended.err == (
        "pyfetch: --engine curl needs an extra: pip install 'pyfetch-batch[curl]'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--http", "2"), "--http 2 and 3 need --engine curl"),
        (("--http", "3"), "--http 2 and 3 need --engine curl"),
        (("--connections-per-host", "4"), "--connections-per-host needs --engine curl"),
    ],
)
def test_what_threads_cannot_do_is_an_error_before_anything_starts(
    pyfetch: Command, server: LoopbackServer, arguments: tuple[str, ...], named: str
) -> None:
    ended = pyfetch("--engine", "threads", *arguments, f"{server.url}/x")
    assert ended.status == 2
    assert named in ended.err
    assert server.connections == 0


def test_version_v_says_which_engines_there_are(pyfetch: Command) -> None:
    lines = pyfetch("--version", "-v").out.splitlines()
    assert lines[2].startswith("engine threads: requests ")
    assert lines[3].startswith("engine curl: PycURL ")
    assert "HTTP/2" in lines[3]
    assert len(pyfetch("--version").out.splitlines()) == 1


@contextmanager
def nginx(directory: Path, certificate: Path) -> Iterator[int]:
    """The port of an nginx that speaks HTTP/2; a body says over which connection it comes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (directory / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {directory}/pid; error_log {directory}/errors;
        events {{ worker_connections 256; }}
        http {{
            access_log off; client_body_temp_path {directory}/1; proxy_temp_path {directory}/2;
            fastcgi_temp_path {directory}/3; uwsgi_temp_path {directory}/4;
            scgi_temp_path {directory}/5;
            server {{
                listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate};
                ssl_certificate_key {certificate};
                location / {{ return 200 "$connection"; }}
            }}
        }}
    """)
    command = ["nginx", "-p", str(directory), "-c", "nginx.conf", "-e", f"{directory}/errors"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            until(lambda: (directory / "pid").exists())
            yield port
        finally:
            run.kill()


@pytest.fixture
def http_2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The origin of such an nginx, and the file of its authority."""
    if shutil.which("nginx") is None:
        pytest.skip("there is no nginx here")
    directory = tmp_path_factory.mktemp("nginx")
    authority = trustme.CA()
    bundle = authorities_in(directory / "authorities.pem", authority)
    issued = authority.issue_cert("127.0.0.1")
    file = directory / "server.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(file)
    with nginx(directory, file) as port:
        yield f"https://127.0.0.1:{port}", bundle


@pytest.mark.slow
def test_many_requests_go_over_one_connection_with_http_2_and_more_with_1_1(
    pyfetch: Command, http_2: tuple[str, str]
) -> None:
    origin, bundle = http_2
    urls = [f"{origin}/{number}" for number in range(200)]
    for version, spoken in (("auto", "2"), ("2", "2"), ("1.1", "1.1")):
        ended = pyfetch(
            *CURL, "--http", version, "-w", "32", "--connections-per-host", "3",
            "--cacert", bundle, "-o", f"by-{version}", "--format", "jsonl", *urls,
        )  # fmt: skip
        assert {result["http_version"] for result in ended.results} == {spoken}
        places = (pyfetch.directory / f"by-{version}").glob("[0-9]*")
        connections = {place.read_text() for place in places}
        assert len(connections) <= 3
        assert (len(connections) == 1) == (spoken == "2")


@pytest.mark.slow
def test_an_archive_is_fetched_by_http_1_1_also_from_a_server_that_speaks_2(
    pyfetch: Command, http_2: tuple[str, str]
) -> None:
    origin, bundle = http_2
    arguments = ("--cacert", bundle, "--format", "jsonl", f"{origin}/a")
    assert pyfetch(*CURL, *arguments).results[0]["http_version"] == "2"
    ended = pyfetch(*CURL, "-o", "crawl", "--pack", "warc", *arguments)
    assert ended.results[0]["http_version"] == "1.1"
    there = records(*archives(pyfetch.directory / "crawl"))
    heads = [one.head.splitlines()[0] for one in there if one.kind in ("request", "response")]
    assert sorted(heads) == ["GET /a HTTP/1.1", "HTTP/1.1 200 OK"]


@pytest.mark.slow
def test_pycurl_is_loaded_by_its_engine_alone(pyfetch: Command) -> None:
    assert importlib.util.find_spec("pycurl")
    code = "import sys, pyfetch.run, pyfetch.engine.threads; print('pycurl' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
