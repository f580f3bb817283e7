"""Digest log-ins, as a server sees them."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import pytest
from requests.utils import parse_dict_header

from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page, redirect


class Guard:
    """Lets a request pass whose answer to the challenge is right, and whose nonce is new enough."""

    def __init__(self, uses: int = 1_000_000) -> None:
        self.uses = uses
        """How many requests a nonce is good for."""
        self.challenges = 0
        self.counts: list[int] = []
        """The nonce counts of the requests that passed, in turn."""

    def __call__(self, handler: Handler, page: Page) -> None:
        sent = handler.headers.get("Authorization", "")
        if sent.startswith("Digest ") and self.is_right(parse_dict_header(sent[7:]), handler.path):
            handler.page(page)
            return
        self.challenges += 1
        stale = ", stale=true" if sent.startswith("Digest ") else ""
        handler.answer(
            401,
            b"log in",
            WWW_Authenticate=f'Digest realm="r", nonce="n{self.challenges}", qop="auth"{stale}',
        )

    def is_right(self, said: dict[str, Any], path: str) -> bool:
        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        count = int(said["nc"], 16)
        if said["nonce"] != f"n{self.challenges}" or count > self.uses or said["uri"] != path:
            return False
        counted = f"{said['nonce']}:{said['nc']}:{said['cnonce']}:auth"
        if said["response"] != md5(f"{md5('me:r:s3cret')}:{counted}:{md5(f'GET:{path}')}"):
            return False
        self.counts.append(count)
        return True


def guarded(server: LoopbackServer, guard: Guard, *names: str) -> list[str]:
    """URLs with user and password of pages that the guard keeps."""
    for name in names:
        server.routes[f"/{name}"] = partial(guard, page=Page(name.encode()))
    return [f"http://me:s3cret@127.0.0.1:{server.server_port}/{name}" for name in names]


def test_one_challenge_logs_in_all_that_follows(pyfetch: Command, server: LoopbackServer) -> None:
    guard = Guard()
    urls = guarded(server, guard, "a", "b;c", "d?e=f")
    server.routes["/d"] = server.routes["/d?e=f"]
    ended = pyfetch("-w", "1", "--format", "jsonl", *urls)
    assert [one["outcome"] for one in ended.results] == ["fetched"] * 3
    assert (guard.challenges, guard.counts) == (1, [1, 2, 3])
    assert [one["attempts"] for one in ended.results] == [1] * 3
    assert "s3cret" not in ended.out + ended.err


def test_a_stale_nonce_is_replaced_and_a_range_is_kept(
    pyfetch: Command, server: LoopbackServer
) -> None:
    guard = Guard(uses=1)
    body = b"0123456789" * 1000
    page = Page(body)

    def cut_once(handler: Handler) -> None:
        if len(guard.counts) == 1 and "Range" not in handler.headers:
            handler.head(200, Content_Length=str(len(body)), ETag=str(page.etag))
            handler.send(body[:5000])
            handler.cut()
            guard.counts.append(0)
        else:
            guard(handler, page)

    urls = guarded(server, guard, "first")
    server.routes["/x"] = cut_once
    urls.append(urls[0].replace("first", "x"))
    assert pyfetch("-w", "1", *urls).status == 0
    assert (pyfetch.directory / "x").read_bytes() == body
    ranges = [asked.headers.get("Range") for asked in server.asked]
    assert ranges[-2:] == ["bytes=5000-"] * 2  # challenged, and answered
    assert guard.challenges == 2


def test_a_redirect_within_the_origin_is_logged_in_and_another_host_is_told_nothing(
    pyfetch: Command, server: LoopbackServer, other: LoopbackServer
) -> None:
    guard = Guard()
    (url,) = guarded(server, guard, "to")
    server.routes["/from"] = partial(redirect, to="/to")
    server.routes["/away"] = partial(redirect, to=f"{other.url}/to")
    stranger = Guard()
    guarded(other, stranger, "to")
    urls = [url.replace("/to", path) for path in ("/from", "/away")]
    first, second = pyfetch("-w", "1", "--discard", "--format", "jsonl", *urls).results
    assert (first["status"], second["status"]) == (200, 401)
    assert guard.counts == [1]
    assert [asked.headers.get("Authorization") for asked in other.asked] == [None]


@pytest.mark.parametrize("rate", [(), ("--rate", "1000/s")])
def test_a_wrong_password_is_a_failure_after_one_challenge(
    pyfetch: Command, server: LoopbackServer, rate: tuple[str, ...]
) -> None:
    guard = Guard()
    (url,) = guarded(server, guard, "x")
    never_stale = 'Digest realm="r", nonce="n", qop="auth"'
    server.routes["/never"] = lambda h: h.answer(401, b"", WWW_Authenticate=never_stale)
    arguments = ("--discard", "--format", "jsonl", *rate)
    (result,) = pyfetch(*arguments, url.replace("/x", "/never")).results
    assert (result["error"], result["status"]) == ("http", 401)
    assert len(server.asked) == 2
    # Nor is a server obeyed for ever that calls each nonce stale.
    server.asked.clear()
    (result,) = pyfetch(*arguments, url.replace("s3cret", "wrong")).results
    assert (result["error"], result["status"]) == ("http", 401)
    assert len(server.asked) == 4
    (right,) = pyfetch(*arguments, url).results
    assert right["outcome"] == "fetched"


def test_a_user_of_netrc_logs_in_too(pyfetch: Command, server: LoopbackServer) -> None:
    guard = Guard()
    guarded(server, guard, "x", "y")
    netrc = pyfetch.directory / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password s3cret\n")
    netrc.chmod(0o600)
    urls = [f"{server.url}/x", f"{server.url}/y"]
    assert pyfetch("-w", "1", "--discard", "--netrc-file", str(netrc), *urls).status == 0
    assert guard.counts == [1, 2]


def test_the_user_of_the_option_logs_in_too(pyfetch: Command, server: LoopbackServer) -> None:
    guard = Guard()
    guarded(server, guard, "x", "y")
    urls = [f"{server.url}/x", f"{server.url}/y"]
    assert pyfetch("-w", "1", "--discard", "-u", "me:s3cret", *urls).status == 0
    assert guard.counts == [1, 2]
