"""A bucket that nobody answers for: a run says soon which server it is, why, and what to do."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest
import trustme

from pyfetch.storage.objects import obstore_client
from tests.support.buckets import BucketOfTests, Trouble, may_use_buckets
from tests.support.certificates import context_with, speak_tls
from tests.support.command import Command
from tests.support.server import LoopbackServer, Page
from tests.support.unreachable import dropping_packets
from tests.support.waiting import within

pytestmark = pytest.mark.slow

SECONDS = 10.0
"""Within so many it is said, as docs/stores.md promises."""
OUTAGE = 4.0
"""Longer than the first request of a run is tried."""
ADDRESS = "s3://bucket/set"


@pytest.fixture(autouse=True)
def with_credentials(pyfetch: Command) -> None:
    may_use_buckets(pyfetch)


@pytest.fixture
def with_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each first contact is tried for three seconds."""
    retries = {"max_retries": 1, "retry_timeout": timedelta(seconds=0.1)}
    monkeypatch.setattr(obstore_client, "_FIRST_RETRIES", retries)


@contextmanager
def refused() -> Iterator[str]:
    with socket.socket() as bound:  # nobody listens, and nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def unknown() -> Iterator[str]:
    yield "http://no-such-host.invalid:9"


@contextmanager
def speaking_tls() -> Iterator[str]:
    with LoopbackServer() as running:
        yield speak_tls(running, context_with(trustme.CA().issue_cert("127.0.0.1")))


@contextmanager
def speaking_no_tls() -> Iterator[str]:
    with LoopbackServer() as running:
        yield running.url.replace("http://", "https://")


def arguments(endpoint: str, *more: str) -> list[str]:
    options = ("region=us-east-1", f"endpoint={endpoint}")
    return [*(text for one in options for text in ("--store-option", one)), *more]


def test_an_endpoint_that_refuses_connections_is_named_within_seconds(pyfetch: Command) -> None:
    with refused() as endpoint:
        began = time.monotonic()
        ended = pyfetch(*arguments(endpoint, "-o", ADDRESS, "http://127.0.0.1:1/x"))
        assert within(SECONDS, time.monotonic() - began)
    assert ended.status == 3
    assert ended.err == (
        f"pyfetch: cannot read {ADDRESS}: {endpoint} cannot be reached: it refuses connections"
        " (check the endpoint and the network, and run the same command again to go on)\n"
    )


def test_a_server_that_never_answers_is_named_within_seconds(pyfetch: Command) -> None:
    with silent() as endpoint:
        began = time.monotonic()
        ended = pyfetch(*arguments(endpoint, "-o", ADDRESS, "http://127.0.0.1:1/x"))
        assert within(SECONDS + 1, time.monotonic() - began)
    assert ended.status == 3
    assert f"{endpoint} cannot be reached: no answer in time" in ended.err


@pytest.mark.usefixtures("with_little_patience")
@pytest.mark.parametrize(
    ("place", "says"),
    [
        (unknown, "cannot be reached: the host's name was not found (check the endpoint"),
        (dropping_packets, "cannot be reached: no answer in time (check the endpoint"),
        (speaking_tls, "its issuer is unknown here (name the file of its authority in SSL_CERT"),
        (speaking_no_tls, "it does not speak TLS (is its endpoint http://?"),
    ],
    ids=["unknown", "dropping", "untrusted", "no TLS"],
)
def test_why_nobody_answers_is_said_in_plain_words(
    pyfetch: Command, place: Callable[[], AbstractContextManager[str]], says: str
) -> None:
    with place() as endpoint:
        more = ("--store-option", "connect_timeout=500ms", "-o", ADDRESS, "http://127.0.0.1:1/x")
        ended = pyfetch(*arguments(endpoint, *more))
    assert ended.status == 3
    assert f"cannot read {ADDRESS}: {endpoint} " in ended.err
    assert says in ended.err
    assert "error" not in ended.err


@pytest.mark.usefixtures("with_little_patience")
def test_every_command_that_uses_a_bucket_says_so(
    pyfetch: Command, server: LoopbackServer, strict_bucket: BucketOfTests
) -> None:
    """Each looks at something else first."""
    server.pages = {"/x": Page(b"x")}
    url = f"{server.url}/x"
    with Trouble(strict_bucket.port) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.port}"
        places = (
            ("-o", f"{strict_bucket.address}/files"),
            ("-o", f"{strict_bucket.address}/packs", "--pack", "webdataset"),
        )
        for place in places:
            ended = pyfetch(*arguments(endpoint, *place, url))
            assert ended.status == 0, ended.err
    commands = [(*place, what) for place in places for what in (url, "--verify", "--cleanup")]
    commands += [(*places[0], "--plan", url), (f"{strict_bucket.address}/list.txt", "-o", "data")]
    for command in commands:  # the proxy is gone
        began = time.monotonic()
        ended = pyfetch(*arguments(endpoint, *command))
        assert within(SECONDS, time.monotonic() - began), command
        assert ended.status == 3, (command, ended.err)
        assert f"{endpoint} cannot be reached: it refuses connections (check" in ended.err


@pytest.mark.usefixtures("with_little_patience")
def test_a_server_that_is_busy_as_a_run_begins_is_waited_for(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    server.pages = {"/x": Page(b"x")}
    trouble.plan = lambda *_: 503 if len(trouble.asked) < 8 else None
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert "s3://bucket/ is busy: each request is tried for a minute" in ended.err
    assert place.objects() == {"x": b"x"}


def test_an_outage_in_mid_run_is_waited_for_longer(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    server.pages = {"/x": Page(b"x")}
    began: list[float] = []

    def plan(method: str, target: str) -> str | None:
        if method == "PUT" and target.endswith("/x"):
            began.append(time.monotonic())
        return "drop" if began and time.monotonic() < began[0] + OUTAGE else None

    trouble.plan = plan
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert began[-1] - began[0] >= OUTAGE
    assert place.objects() == {"x": b"x"}
