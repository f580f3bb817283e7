"""Certificates: verified always, unless that is said to be unwanted; and those that we show."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import trustme

from tests.support.certificates import (
    authorities_in,
    context_with,
    encrypted,
    self_signed,
    speak_tls,
)
from tests.support.command import Command, InstalledCommand
from tests.support.proxies import HTTPProxy
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)
BUNDLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
YELLOW = b"\x1b[33m"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a file with the authority."""
    return authorities_in(tmp_path_factory.mktemp("trust") / "authority.pem", authority)


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        speak_tls(running, context_with(authority.issue_cert("127.0.0.1")))
        running.pages["/x"] = Page(b"over TLS")
        yield running


@pytest.fixture
def tls_url(tls_server: LoopbackServer) -> str:
    return f"https://127.0.0.1:{tls_server.server_port}/x"


def test_a_certificate_that_nobody_vouches_for_is_refused_and_not_tried_again(
    pyfetch: Command, tls_server: LoopbackServer, tls_url: str
) -> None:
    (result,) = pyfetch("--format", "jsonl", tls_url).results
    assert (result["error"], result["attempts"]) == ("tls", 1)
    assert "issuer" in result["detail"]
    assert tls_server.asked == []


@pytest.mark.parametrize("name", BUNDLES)
def test_a_certificate_that_the_environment_vouches_for_is_taken(
    pyfetch: Command, tls_url: str, bundle: str, name: str
) -> None:
    for each in BUNDLES:
        pyfetch.environment.pop(each, None)
    pyfetch.environment[name] = bundle
    assert pyfetch(tls_url).status == 0
    assert (pyfetch.directory / "x").read_bytes() == b"over TLS"


def test_each_refusal_says_why_and_is_not_tried_again(
    pyfetch: Command, authority: trustme.CA, bundle: str
) -> None:
    stranger = trustme.CA()
    leaf = stranger.issue_cert("127.0.0.1")
    pems = leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes()
    with_root = trustme.LeafCert(*pems, [stranger.cert_pem.bytes()])
    expected = {
        "it has expired": authority.issue_cert(
            "127.0.0.1", not_before=NOW - 2 * YEAR, not_after=NOW - YEAR
        ),
        "it is not valid yet": authority.issue_cert(
            "127.0.0.1", not_before=NOW + YEAR, not_after=NOW + 2 * YEAR
        ),
        "it is for another host": authority.issue_cert("127.0.0.2"),
        "it is for another host ": authority.issue_cert("other.test"),
        "it is self-signed": self_signed("127.0.0.1"),
        "its issuer is unknown": stranger.issue_cert("127.0.0.1"),
        "it leads to a self-signed root that is unknown": with_root,
    }
    with ExitStack() as running:
        urls, servers = [], []
        for certificate in expected.values():
            servers.append(running.enter_context(LoopbackServer()))
            urls.append(speak_tls(servers[-1], context_with(certificate)))
        ended = pyfetch("--cacert", bundle, "--format", "jsonl", "--discard", *urls)
        for sentence, result in zip(expected, ended.results, strict=True):
            assert (result["error"], result["attempts"]) == ("tls", 1), sentence
            assert f"certificate refused: {sentence.strip()}" in result["detail"]
        assert not any(server.asked for server in servers)


def test_a_server_that_knows_only_what_is_broken_by_now_is_refused(
    pyfetch: Command, authority: trustme.CA, bundle: str
) -> None:
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = context_with(authority.issue_cert("127.0.0.1"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = version
        with LoopbackServer() as server:
            url = speak_tls(server, context)
            ended = pyfetch("--cacert", bundle, "--format", "jsonl", "--discard", url)
            (result,) = ended.results
            assert (result["error"], result["attempts"]) == ("tls", 1)
            assert server.asked == []


class TestTrust:
    def test_authorities_are_taken_from_a_file_or_a_directory_in_place_of_the_others(
        self,
        pyfetch: Command,
        tls_url: str,
        authority: trustme.CA,
        bundle: str,
        tmp_path: Path,
    ) -> None:
        directory = tmp_path / "authorities"
        directory.mkdir()
        command = ["openssl", "x509", "-hash", "-noout", "-in", bundle]
        name = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
        authority.cert_pem.write_to_path(str(directory / f"{name}.0"))
        stranger = authorities_in(tmp_path / "stranger.pem", trustme.CA())
        pyfetch.environment["REQUESTS_CA_BUNDLE"] = bundle
        found = [
            pyfetch("--discard", "--cacert", trusted, tls_url).rows[0][4]
            for trusted in (bundle, str(directory), stranger)
        ]
        assert found == ["-", "-", "tls"]

    @pytest.mark.parametrize("content", [None, b"", b"garbage\n", "cut"])
    def test_authorities_that_cannot_be_used_end_with_2_and_one_line(
        self,
        pyfetch: Command,
        authority: trustme.CA,
        tmp_path: Path,
        content: bytes | str | None,
    ) -> None:
        file = tmp_path / "authority.pem"
        if content is not None:
            half = authority.cert_pem.bytes()[:300]
            file.write_bytes(half if isinstance(content, str) else content)
        ended = pyfetch("--cacert", str(file), "https://127.0.0.1:1/")
        assert (ended.status, ended.out) == (2, "")
        (said,) = ended.err.splitlines()
        assert said.startswith(f"pyfetch: cannot use the authorities in {file}: ")

    def test_a_redirect_from_http_to_https_is_verified(
        self, pyfetch: Command, server: LoopbackServer, tls_server: LoopbackServer, tls_url: str
    ) -> None:
        def to_tls(handler: Handler) -> None:
            handler.answer(302, Location=tls_url)

        server.routes["/x"] = to_tls
        (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
        assert (result["error"], result["attempts"]) == ("tls", 1)
        assert tls_server.asked == []

    def test_a_tunnel_of_a_proxy_is_verified_to_its_end(
        self, pyfetch: Command, tls_server: LoopbackServer, tls_url: str, bundle: str
    ) -> None:
        named = tls_url.replace("127.0.0.1", "other.test")
        with HTTPProxy() as proxy:
            arguments = ("-w", "1", "--discard", "--format", "jsonl", "--proxy", proxy.url)
            (unknown,) = pyfetch(*arguments, tls_url).results
            known, wrong = pyfetch(*arguments, "--cacert", bundle, tls_url, named).results
        assert (unknown["error"], unknown["attempts"]) == ("tls", 1)
        assert known["error"] is None
        assert (wrong["error"], wrong["attempts"]) == ("tls", 1)
        assert "another host" in wrong["detail"]
        assert len(tls_server.asked) == 1


def close_with_notice(handler: Handler) -> None:
    """End the connection as TLS wants it (RFC 8446, section 6.1)."""
    handler.wfile.flush()
    handler.connection.settimeout(5)
    with contextlib.suppress(OSError):  # the client just closes its end
        cast("ssl.SSLSocket", handler.connection).unwrap()
    handler.close_connection = True


class TestTheEndOfAConnection:
    """What ends a body has to come from the server: anybody on the way can cut a connection."""

    @pytest.fixture
    def trusting(self, pyfetch: Command, bundle: str) -> Command:
        pyfetch.environment["REQUESTS_CA_BUNDLE"] = bundle
        return pyfetch

    def test_is_the_end_of_a_body_without_length_only_if_the_server_says_so(
        self, trusting: Command, tls_server: LoopbackServer, tls_url: str
    ) -> None:
        """RFC 9112, section 9.8: without `close_notify`, the body may have been cut."""

        def until_the_end(close: Callable[[Handler], None], handler: Handler) -> None:
            handler.head(200, Connection="close")
            handler.send(b"the first half, ")
            close(handler)

        tls_server.routes["/x"] = partial(until_the_end, Handler.cut)
        tls_server.routes["/whole"] = partial(until_the_end, close_with_notice)
        (trusting.directory / "x").write_bytes(b"as it was")
        whole = tls_url.replace("/x", "/whole")
        arguments = ("--retries", "1", "--if-exists", "replace", "--format", "jsonl")
        cut, came = trusting(*arguments, tls_url, whole).results
        assert (cut["error"], cut["attempts"]) == ("truncated", 2)
        assert (trusting.directory / "x").read_bytes() == b"as it was"
        assert (came["outcome"], came["size"]) == ("fetched", 16)

    def test_does_not_matter_where_the_body_has_an_end_of_its_own(
        self, trusting: Command, tls_server: LoopbackServer, tls_url: str
    ) -> None:
        def chunked(handler: Handler) -> None:
            handler.head(200, Transfer_Encoding="chunked")
            handler.send(b"5\r\nwhole\r\n0\r\n\r\n")
            handler.cut()

        def with_length(handler: Handler) -> None:
            handler.answer(200, b"whole")
            handler.cut()

        def empty(handler: Handler) -> None:
            handler.head(200, Connection="close")
            handler.cut()

        tls_server.routes |= {"/chunked": chunked, "/length": with_length, "/empty": empty}
        urls = [tls_url.replace("/x", path) for path in tls_server.routes]
        ended = trusting("--retries", "0", "-w", "1", *urls)
        assert [row[4] for row in ended.rows] == ["-", "-", "truncated"]

    def test_counts_to_the_same_end_through_a_proxy_that_speaks_tls_itself(
        self, trusting: Command, authority: trustme.CA, tls_server: LoopbackServer, tls_url: str
    ) -> None:
        def until_the_end(handler: Handler) -> None:
            handler.head(200, Connection="close")
            handler.send(b"the first half, ")
            handler.cut()

        tls_server.routes["/x"] = until_the_end
        with HTTPProxy() as proxy:
            context = context_with(authority.issue_cert("127.0.0.1"))
            proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
            ended = trusting("--retries", "0", "--proxy", proxy.url_with("https"), tls_url)
        assert ended.rows[0][4] == "truncated"


@pytest.mark.parametrize("through", ["nothing", "a proxy"])
@pytest.mark.parametrize("body", [b"hello", b"5\r\nhello\r\n0\r\n\r\n"])
@pytest.mark.parametrize(
    "unasked",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
    ],
    ids=["response", "no body", "head"],
)
def test_what_comes_behind_a_body_answers_no_request_though_only_tls_has_it(
    pyfetch: Command,
    authority: trustme.CA,
    bundle: str,
    tls_server: LoopbackServer,
    tls_url: str,
    body: bytes,
    unasked: bytes,
    through: str,
) -> None:
    """A record is decrypted as a whole, so the system's buffer is empty although more is there."""
    framing = {"Content_Length": "5"} if body == b"hello" else {"Transfer_Encoding": "chunked"}

    def smuggles(handler: Handler) -> None:
        handler.head(200, **framing)
        handler.wfile.flush()
        handler.server.over.wait(0.05)  # the head comes in a record of its own
        handler.send(body + unasked)

    tls_server.routes["/x"] = smuggles
    tls_server.pages["/y"] = Page(b"genuine")
    arguments = ["-w", "1", "--cacert", bundle]
    with HTTPProxy() as proxy:
        if through == "a proxy":
            context = context_with(authority.issue_cert("127.0.0.1"))
            proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
            arguments += ["--proxy", proxy.url_with("https")]
        assert pyfetch(*arguments, tls_url, tls_url.replace("/x", "/y")).status == 0
    assert (pyfetch.directory / "x").read_bytes() == b"hello"
    assert (pyfetch.directory / "y").read_bytes() == b"genuine"


class Client:
    """A certificate to show, in files, and a server that wants to see one."""

    def __init__(self, authority: trustme.CA, directory: Path) -> None:
        leaf = authority.issue_cert("client@example.test")
        self.certificate = directory / "client.pem"
        leaf.cert_chain_pems[0].write_to_path(str(self.certificate))
        self.key = directory / "client.key"
        leaf.private_key_pem.write_to_path(str(self.key))
        self.both = directory / "both.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(str(self.both))
        self.encrypted_key = directory / "encrypted.key"
        self.encrypted_key.write_bytes(encrypted(leaf.private_key_pem.bytes()))
        self.other_key = directory / "other.key"
        other = authority.issue_cert("other@example.test")
        other.private_key_pem.write_to_path(str(self.other_key))
        self.garbage = directory / "garbage.pem"
        self.garbage.write_bytes(b"garbage")


@pytest.fixture
def client(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(authority, tmp_path_factory.mktemp("client"))


class TestOurCertificate:
    def test_is_shown_to_a_server_that_wants_one(
        self, pyfetch: Command, authority: trustme.CA, bundle: str, client: Client
    ) -> None:
        context = context_with(authority.issue_cert("127.0.0.1"))
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        seen = []

        def who(handler: Handler) -> None:
            seen.append(handler.connection.getpeercert()["subjectAltName"])
            handler.answer(200, b"x")

        with LoopbackServer() as server:
            url = speak_tls(server, context) + "/x"
            server.routes["/x"] = who
            arguments = ("--discard", "--retries", "0", "--cacert", bundle, url)
            with_key = ("--cert", str(client.certificate), "--key", str(client.key))
            assert pyfetch(*arguments, *with_key).status == 0
            assert pyfetch(*arguments, "--cert", str(client.both)).status == 0
            assert seen == [(("email", "client@example.test"),)] * 2
            assert pyfetch(*arguments).status == 1
            assert len(seen) == 2

    @pytest.mark.parametrize(
        ("certificate", "key", "named"),
        [
            ("certificate", "other_key", "certificate"),
            ("certificate", "encrypted_key", "certificate"),
            ("certificate", "garbage", "certificate"),
            ("certificate", None, "certificate"),
            ("garbage", None, "garbage"),
        ],
    )
    def test_that_cannot_be_used_ends_with_2_and_one_line_and_asks_for_no_password(
        self,
        forked: InstalledCommand,
        client: Client,
        certificate: str,
        key: str | None,
        named: str,
    ) -> None:
        arguments = ["--cert", str(getattr(client, certificate))]
        if key:
            arguments += ["--key", str(getattr(client, key))]
        with Terminal(forked, *arguments, "https://127.0.0.1:1/", columns=400) as terminal:
            assert terminal.end() == 2
            (said,) = terminal.visible
        assert said.startswith(f"pyfetch: cannot use the certificate {getattr(client, named)}: ")
        assert ("encrypted" in said.rpartition(": ")[0]) == (key == "encrypted_key")

    def test_that_is_not_there_or_whose_key_is_not_is_named(
        self, pyfetch: Command, client: Client
    ) -> None:
        url = "https://127.0.0.1:1/"
        for arguments in (
            ("--cert", "absent.pem"),
            ("--cert", str(client.certificate), "--key", "absent.pem"),
        ):
            ended = pyfetch(*arguments, url)
            assert (ended.status, ended.out) == (2, "")
            (said,) = ended.err.splitlines()
            assert "absent.pem: No such file or directory" in said

    def test_needs_to_be_named_where_its_key_is(self, pyfetch: Command, client: Client) -> None:
        ended = pyfetch("--key", str(client.key), "https://127.0.0.1:1/")
        assert (ended.status, ended.out) == (2, "")
        assert "--cert" in ended.err


class TestInsecure:
    WARNING = "--insecure: certificates are not verified"

    def test_takes_any_certificate_and_warns_once_however_many_urls(
        self, pyfetch: Command, tls_server: LoopbackServer, tls_url: str, server: LoopbackServer
    ) -> None:
        server.routes["/x"] = partial(_redirect, to=tls_url)
        named = tls_url.replace("127.0.0.1", "localhost")
        urls = [f"{tls_url}?{number}" for number in range(20)] + [f"{server.url}/x", named]
        ended = pyfetch("--insecure", "--discard", "-v", "-v", *urls)
        assert ended.status == 0
        assert ended.err.count("--insecure") == 1
        assert ended.err.startswith(f"pyfetch: {self.WARNING}")
        assert "Warning" not in ended.err
        assert "\x1b" not in ended.err
        quiet = pyfetch("--insecure", "--discard", "--quiet", tls_url)
        assert (quiet.out, quiet.err.count("--insecure")) == ("", 1)

    def test_warns_in_yellow_on_a_terminal_unless_colour_is_unwanted(
        self, forked: InstalledCommand, tls_url: str
    ) -> None:
        arguments = ("--insecure", "--discard", tls_url)
        with Terminal(forked, *arguments) as terminal:
            assert terminal.end() == 0
            assert YELLOW + self.WARNING.encode() in terminal.raw
            assert terminal.text.count("--insecure") == 1
        with Terminal(forked, *arguments, NO_COLOR="1") as terminal:
            assert terminal.end() == 0
            assert self.WARNING.encode() in terminal.raw
            assert YELLOW not in terminal.raw

    def test_and_authorities_exclude_each_other(self, pyfetch: Command, bundle: str) -> None:
        ended = pyfetch("--insecure", "--cacert", bundle, "https://127.0.0.1:1/")
        assert (ended.status, ended.out) == (2, "")
        assert "--insecure" in ended.err


def _redirect(handler: Handler, to: str) -> None:
    handler.answer(302, Location=to)
