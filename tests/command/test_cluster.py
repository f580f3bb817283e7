"""Runs on a cluster: what is refused, and how. Those that fetch are with the tests of stress."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
import trustme

from pyfetch import UsageError, fetch_all
from pyfetch.cluster.workload import shares_of_cluster
from pyfetch.settings import Settings
from pyfetch.storage import lock as lock_module
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.lock import RunLock
from tests.support.command import Command, InstalledCommand
from tests.support.server import LoopbackServer, Page

ONE = ("--cluster", "tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("also", "said"),
    [
        (("--processes", "2"), "--cluster says where the processes are"),
        (("--processes", "auto"), "--cluster says where the processes are"),
        (("--cluster-file", "x"), "--cluster and --cluster-file exclude each other"),
        (("--cluster-tls", "x"), "--cluster-tls needs a scheduler that encrypts: --cluster tls://"),
    ],
)
def test_what_contradicts_a_cluster_is_said(
    pyfetch: Command, also: tuple[str, ...], said: str
) -> None:
    ended = pyfetch(*ONE, *also, "http://127.0.0.1:1/x")
    assert ended.status == 2
    assert said in ended.err


@pytest.mark.parametrize(
    "address", ["scheduler:8786", "tcp://", "local:0", "local:65", "local:", "local:x", "ftp://x"]
)
def test_what_is_no_address_of_a_cluster_is_refused(pyfetch: Command, address: str) -> None:
    ended = pyfetch("--cluster", address, "http://127.0.0.1:1/x")
    assert ended.status == 2
    assert "tcp://HOST:PORT" in ended.err


def test_without_dask_a_sentence_says_what_to_install(pyfetch: Command) -> None:
    with mock.patch("pyfetch.cluster.dask_cluster.find_spec", return_value=None):
        ended = pyfetch(*ONE, "http://127.0.0.1:1/x")
    assert ended.status == 2
    assert "pip install 'pyfetch-batch[cluster]'" in ended.err


def test_a_file_of_a_cluster_that_is_missing_is_not_waited_for(pyfetch: Command) -> None:
    ended = pyfetch("--cluster-file", "none.json", "http://127.0.0.1:1/x")
    assert ended.status == 2
    assert "none.json: No such file" in ended.err


@pytest.mark.parametrize("option", [("--cluster-tls", "x"), ("--cluster-upload",)])
def test_what_is_said_of_a_cluster_needs_one(pyfetch: Command, option: tuple[str, ...]) -> None:
    ended = pyfetch(*option, "http://127.0.0.1:1/x")
    assert ended.status == 2
    assert f"{option[0]} is for a Dask cluster: it needs --cluster or --cluster-file" in ended.err


@pytest.mark.slow
def test_certificates_that_cannot_be_used_are_named(pyfetch: Command) -> None:
    """Dask itself would only say that nobody answers."""
    authority, other = trustme.CA(), trustme.CA()
    issued, foreign = authority.issue_cert("127.0.0.1"), other.issue_cert("127.0.0.1")
    tls = pyfetch.directory / "tls"
    tls.mkdir()

    def said() -> str:
        ended = pyfetch("--cluster", "tls://127.0.0.1:1", "--cluster-tls", "tls", "http://a/x")
        assert (ended.status, ended.out) == (2, "")
        return ended.err

    assert "tls/ca.pem: No such file" in said()
    (tls / "ca.pem").write_text("nothing")
    assert "tls/cert.pem: No such file" in said()
    issued.cert_chain_pems[0].write_to_path(tls / "cert.pem")
    assert "tls/ca.pem: no certificate of an authority in it" in said()
    authority.cert_pem.write_to_path(tls / "ca.pem")
    assert "tls/cert.pem: no certificate with a private key that belongs to it" in said()
    foreign.private_key_pem.write_to_path(tls / "key.pem")
    assert "tls/cert.pem: no certificate with a private key that belongs to it" in said()


def test_certificates_are_for_a_cluster_that_encrypts(pyfetch: Command) -> None:
    (pyfetch.directory / "cluster.json").write_text('{"address": "tcp://127.0.0.1:1"}')
    ended = pyfetch("--cluster-file", "cluster.json", "--cluster-tls", "tls", "http://a/x")
    assert ended.status == 2
    assert "cluster.json: it names no scheduler that encrypts" in ended.err


@pytest.mark.slow
def test_a_cluster_of_the_configuration_gives_way_to_the_command_line(
    pyfetch: Command, server: LoopbackServer
) -> None:
    pyfetch.configure(
        '[defaults]\ncluster = "tls://127.0.0.1:1"\ncluster-tls = "none"\ncluster-upload = true\n'
    )
    server.pages["/x"] = Page(b"x")
    assert pyfetch("--processes", "2", f"{server.url}/x").status == 0


def test_a_program_may_not_give_what_is_no_client() -> None:
    with pytest.raises(UsageError, match="cluster must be an address or a Dask client"):
        fetch_all([], cluster=7)


@pytest.mark.slow
def test_a_run_on_a_cluster_of_its_own(forked: InstalledCommand, server: LoopbackServer) -> None:
    urls = []
    for number in range(20):
        server.pages[f"/{number}"] = Page(f"file {number}".encode())
        urls.append(f"{server.url}/{number}")
    ended = forked("--cluster", "local:2", "-o", "data", *urls)
    assert (ended.status, [row[2] for row in ended.rows]) == (0, urls)
    assert "dashboard" in ended.err
    for number in range(20):
        assert (forked.directory / "data" / str(number)).read_bytes() == f"file {number}".encode()
    assert not (forked.directory / "data" / ".pyfetch" / "lock").exists()


def test_a_member_of_a_cluster_has_all_the_workers_and_all_limits() -> None:
    """What it may ask of a host, the coordinator tells it."""
    shares = shares_of_cluster(Settings(cluster="local:2", workers=9, per_host=3, fail_fast=True))
    assert len(shares) > 100
    assert shares[0] == Settings(workers=9, per_host=3)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [("--rate", "50/s"), ("--limit-rate", "1M")])
def test_all_processes_of_a_cluster_work_whatever_is_limited(
    forked: InstalledCommand, server: LoopbackServer, limit: tuple[str, str]
) -> None:
    server.pages["/x"] = Page(b"x")
    ended = forked("--cluster", "local:2", *limit, "--discard", f"{server.url}/x")
    assert ended.status == 0
    assert "limits for hosts" not in ended.err


def test_the_next_run_waits_for_members_of_a_killed_one_that_are_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They do not hold the lock, and stop writing when their lease is over."""
    monkeypatch.setattr(lock_module, "LEASE", 0.0)
    monkeypatch.setattr(lock_module, "_MARGIN", 0.0)
    prepare(tmp_path)
    lock = RunLock(tmp_path, elsewhere=True)
    lock.acquire()
    content = (tmp_path / ".pyfetch/lock").read_bytes()
    lock.release()
    prepare(tmp_path)
    RunLock(tmp_path).acquire()
    assert not caplog.messages  # it was released in order
    (tmp_path / "other").mkdir()
    prepare(tmp_path / "other")
    (tmp_path / "other/.pyfetch/lock").write_bytes(content)
    RunLock(tmp_path / "other").acquire()
    assert "waiting until the processes of a killed run" in caplog.text
