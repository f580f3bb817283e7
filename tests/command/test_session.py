"""Cookies and a `requests.Session` that a Python program has at hand."""

from __future__ import annotations

import warnings
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth, HTTPProxyAuth

from pyfetch import Batch, RunError, UsageError, fetch, fetch_all
from pyfetch.http.prepared_session import arguments_with_session
from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page, basic, redirect


def cookies_sent(server: LoopbackServer) -> list[str | None]:
    return [asked.headers.get("Cookie") for asked in server.asked]


@pytest.fixture
def url(server: LoopbackServer) -> str:
    server.pages |= {"/x": Page(b"x"), "/in/x": Page(b"x")}
    return f"{server.url}/x"


@pytest.fixture
def other(server: LoopbackServer, url: str) -> str:
    """The same file from another origin."""
    return url.replace("127.0.0.1", "localhost")


def jar_of(domain: str, path: str = "/") -> CookieJar:
    session = requests.Session()
    session.cookies.set("sid", "1", domain=domain, path=path)
    return session.cookies


class TestCookies:
    def test_a_mapping_goes_to_the_origin_of_the_first_url_alone(
        self, server: LoopbackServer, url: str, other: str
    ) -> None:
        urls = [url, other, f"{server.url}/in/x"]
        list(fetch_all(urls, workers=1, discard=True, cookies={"sid": "1", "b": "ü"}))
        sent = "sid=1; b=ü".encode("latin-1").decode("latin-1")
        assert cookies_sent(server) == [sent, None, sent]

    def test_a_mapping_does_not_follow_a_redirect_to_another_origin(
        self, server: LoopbackServer, url: str, other: str
    ) -> None:
        server.routes["/away"] = lambda handler: redirect(handler, other)
        fetch(f"{server.url}/away", discard=True, cookies={"sid": "1"})
        assert cookies_sent(server) == ["sid=1", None]

    def test_a_mapping_is_sent_beside_what_the_server_sets(
        self, server: LoopbackServer, url: str
    ) -> None:
        def sets(handler: Handler) -> None:
            redirect(handler, url, Set_Cookie="new=2")

        server.routes["/sets"] = sets
        fetch(f"{server.url}/sets", discard=True, cookies={"sid": "1"})
        assert cookies_sent(server) == ["sid=1", "sid=1; new=2"]

    @pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
    def test_a_jar_goes_to_its_own_domains_and_paths(
        self, server: LoopbackServer, url: str, other: str, processes: int
    ) -> None:
        urls = [other, f"{server.url}/in/x", url]
        jar = jar_of("127.0.0.1", "/in")
        list(fetch_all(urls, workers=2, processes=processes, discard=True, cookies=jar))
        sent = {(asked.path, asked.headers.get("Cookie")) for asked in server.asked}
        assert sent == {("/x", None), ("/in/x", "sid=1")}

    @pytest.mark.slow
    def test_a_mapping_goes_to_worker_processes(self, server: LoopbackServer, url: str) -> None:
        urls = [f"{url}?{number}" for number in range(4)]
        list(fetch_all(urls, workers=2, processes=2, discard=True, cookies={"sid": "1"}))
        assert cookies_sent(server) == ["sid=1"] * 4

    def test_a_jar_of_localhost_is_for_localhost(
        self, server: LoopbackServer, url: str, other: str
    ) -> None:
        list(fetch_all([url, other], workers=1, discard=True, cookies=jar_of("localhost")))
        assert cookies_sent(server) == [None, "sid=1"]

    def test_a_configuration_names_a_file(self, pyfetch: Command, url: str) -> None:
        """Cookies themselves stand in no configuration."""
        (pyfetch.directory / "conf.toml").write_text('[defaults]\ncookies = { sid = "s3cret" }\n')
        ended = pyfetch(url, "--discard", "--config", "conf.toml")
        assert ended.status == 2
        assert "cookies: must be the path of a file" in ended.err
        assert "s3cret" not in ended.err


class TestASession:
    def test_its_headers_are_sent_but_for_the_usual_ones(
        self, server: LoopbackServer, url: str
    ) -> None:
        session = requests.Session()
        session.headers.update({"X-Token": "1", "X-Own": "session"})
        fetch(url, discard=True, session=session, headers={"x-own": "argument"})
        sent = {name.lower(): value for name, value in server.asked[0].headers.items()}
        assert (sent["x-token"], sent["x-own"]) == ("1", "argument")
        assert sent["user-agent"].startswith("pyfetch/")

    @pytest.mark.parametrize("auth", [("me", "s3cret"), HTTPBasicAuth("me", "s3cret")])
    def test_it_logs_in(self, server: LoopbackServer, url: str, auth: Any) -> None:
        session = requests.Session()
        session.auth = auth
        fetch(url, discard=True, session=session)
        assert server.asked[0].headers["Authorization"] == basic("me", "s3cret")

    def test_its_cookies_go_to_their_hosts(
        self, server: LoopbackServer, url: str, other: str
    ) -> None:
        server.routes["/login"] = lambda handler: handler.answer(200, Set_Cookie="sid=1")
        session = requests.Session()
        session.get(f"{server.url}/login")
        server.asked.clear()
        list(fetch_all([other, url], workers=1, discard=True, session=session))
        assert cookies_sent(server) == [None, "sid=1"]

    def test_an_argument_counts_more(self) -> None:
        session = requests.Session()
        session.auth, session.verify, session.cert = ("a", "b"), False, ("c", "k")
        session.proxies = {"all": "http://proxy.test"}
        session.cookies.set("sid", "1", domain="x.test")
        session.max_redirects = 5
        said = {
            "user": "me:s3cret", "cacert": "ca.pem", "cert": "mine.pem", "proxy": None,
            "cookies": {"a": "b"}, "max_redirects": 3,
        }  # fmt: skip
        assert arguments_with_session(said | {"session": session}) == said

    def test_what_it_says_becomes_arguments(self) -> None:
        session = requests.Session()
        session.verify, session.cert = "ca.pem", ("c.pem", "k.pem")
        session.proxies = {"http": "http://proxy.test:1", "https": "http://proxy.test:1"}
        session.max_redirects = 5
        assert arguments_with_session({"session": session}) == {
            "verify": "ca.pem",
            "cert": "c.pem",
            "key": "k.pem",
            "proxy": "http://proxy.test:1",
            "max_redirects": 5,
        }

    def test_a_plain_one_says_nothing(self, recwarn: pytest.WarningsRecorder) -> None:
        assert arguments_with_session({"session": requests.Session()}) == {"verify": True}
        assert not recwarn.list

    def test_what_is_not_taken_is_said_where_the_program_gives_it(self, url: str) -> None:
        session = requests.Session()
        session.hooks["response"].append(lambda response, **_: response)
        session.mount("https://", HTTPAdapter(max_retries=3))
        session.params = {"key": "s3cret"}
        session.headers["Accept"] = None  # type: ignore[assignment]
        session.trust_env = False
        with pytest.warns(UserWarning, match="this is not taken") as caught:
            list(fetch_all([url], discard=True, session=session))
        (warning,) = caught
        text = str(warning.message)
        for left_out in ("hooks", "adapters", "params", "(Accept)", "trust_env=False"):
            assert left_out in text
        assert "s3cret" not in text
        assert warning.filename == __file__

    def test_a_log_in_by_digest_alone_is_not_promised(self) -> None:
        session = requests.Session()
        session.auth = HTTPDigestAuth("me", "s3cret")
        with pytest.warns(UserWarning, match="Digest"):
            said = arguments_with_session({"session": session})
        assert said["auth"] == ("me", "s3cret")

    @pytest.mark.parametrize("call", [fetch_all, Batch])
    @pytest.mark.parametrize(
        ("attribute", "value", "message"),
        [
            ("auth", AuthBase(), "logs in by AuthBase"),
            ("auth", HTTPProxyAuth("me", "s3cret"), "logs in to a proxy"),
            ("auth", ("a:b", "s3cret"), "auth must be a pair"),
            ("proxies", {"https": "http://p:1"}, "proxies for https"),
            ("proxies", {"http": "http://p:1", "https": "http://q:1"}, "proxies for http, https"),
            ("proxies", {"all": "http://p:1", "no_proxy": "x"}, "proxies for all, no_proxy"),
        ],
    )
    def test_what_would_be_another_run_without_it_is_an_error(
        self, call: Any, attribute: str, value: object, message: str
    ) -> None:
        session = requests.Session()
        setattr(session, attribute, value)
        with pytest.raises(UsageError, match=message) as caught:
            call(["http://h.test/"], session=session)
        assert "s3cret" not in str(caught.value)

    def test_it_must_be_one(self, tmp_path: Path) -> None:
        with pytest.raises(RunError, match=r"session must be a requests.Session, not dict"):
            fetch("http://h.test/", session={}, output_dir=tmp_path)  # type: ignore[arg-type]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not list(fetch_all([], session=None, discard=True))
