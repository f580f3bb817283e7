"""Workers of Dask that lack a version, the folder or encryption; and clients of programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.command import InstalledCommand
from tests.support.dask_commands import DaskCommands, dask_commands, with_other_start
from tests.support.server import LoopbackServer
from tests.support.waiting import until

pytestmark = pytest.mark.slow
LONGEST = 60.0


OTHER_VERSION = """
import importlib.metadata as m
of = m.version
m.version = lambda name: "0.0.1" if name == "pyfetch-batch" else of(name)
"""
NO_PYFETCH = """
import importlib.metadata as m, sys
of = m.version
m.version = lambda name: of("" if name == "pyfetch-batch" else name)
sys.modules["pyfetch"] = None
"""
OTHER_PYTHON = """
import distributed.versions as v
of = v.get_system_info
v.get_system_info = lambda: of() | {"python": "3.9.1.final.0"}
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (OTHER_VERSION, "has pyfetch 0.0.1 and not "),
        (OTHER_PYTHON, "has Python 3.9 and not "),
        (NO_PYFETCH, "has pyfetch none and not "),
    ],
    ids=["pyfetch", "python", "none"],
)
def test_a_worker_with_another_version_is_left_out(
    forked: InstalledCommand, empty: DaskCommands, ten: list[str], tmp_path: Path,
    code: str, said: str,
) -> None:  # fmt: skip
    empty.add_worker(environment=with_other_start(tmp_path / "start", code))
    ended = forked("--cluster", empty.address, "-o", "data", *ten)
    assert (ended.status, ended.out) == (3, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
    empty.add_worker()  # as long as the cluster has only the other one, it goes on in that way
    until(lambda: forked("--cluster", empty.address, "-o", "data", *ten).status == 0)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_worker_with_another_folder_fetches_nothing(
    forked: InstalledCommand, empty: DaskCommands, server: LoopbackServer, ten: list[str],
    tmp_path: Path, is_there: bool,
) -> None:  # fmt: skip
    other = tmp_path / "other"
    other.mkdir()
    if is_there:
        (other / "data" / ".pyfetch").mkdir(parents=True)
    code = f"import os; move = os.chdir; os.chdir = lambda _: move({str(other)!r})"
    empty.add_worker(environment=with_other_start(tmp_path / "start", code))
    ended = forked("--cluster", empty.address, "-o", "data", *ten)
    assert ended.status == 3
    assert ("is another directory than here" if is_there else "there is no ") in ended.err
    assert not server.asked
    assert forked("--cluster", empty.address, "--discard", *ten).status == 0


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A directory with an authority's certificate, and one with its key that it has issued."""
    directory = tmp_path / "certificates"
    directory.mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    issued.private_key_pem.write_to_path(directory / "key.pem")
    issued.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    return directory


@pytest.fixture
def encrypted(tmp_path: Path, certificates: Path) -> Iterator[DaskCommands]:
    """A cluster with one worker whose commands were told of these certificates."""
    names = {"--tls-ca-file": "ca.pem", "--tls-cert": "cert.pem", "--tls-key": "key.pem"}
    tls = [text for flag, name in names.items() for text in (flag, str(certificates / name))]
    with dask_commands(tmp_path, threads=(1,), protocol="tls", also=tls) as cluster:
        assert cluster.address.startswith("tls://")
        yield cluster


def test_settings_go_over_tls_where_dask_has_certificates(
    forked: InstalledCommand, encrypted: DaskCommands, certificates: Path, ten: list[str]
) -> None:
    """Dask's own configuration is honoured."""
    ended = forked("--cluster", encrypted.address, "-o", "data", *ten)
    assert ended.status == 2  # nothing says whom to trust
    assert "--cluster-tls" in ended.err
    assert "Traceback" not in ended.err
    configured = "DASK_DISTRIBUTED__COMM__TLS__"
    forked.environment |= {
        f"{configured}CA_FILE": str(certificates / "ca.pem"),
        f"{configured}CLIENT__CERT": str(certificates / "cert.pem"),
        f"{configured}CLIENT__KEY": str(certificates / "key.pem"),
    }
    ended = forked("--cluster", encrypted.address, "-o", "data", *ten)
    assert (ended.status, ended.err.count("clear")) == (0, 0)
    assert [row[0] for row in ended.rows] == ["200"] * 10


@pytest.mark.parametrize("in_one_file", [False, True])
def test_certificates_may_be_given_for_one_run(
    forked: InstalledCommand,
    encrypted: DaskCommands,
    certificates: Path,
    ten: list[str],
    in_one_file: bool,
) -> None:
    given = certificates
    if in_one_file:
        given = certificates / "all.pem"
        parts = ("key.pem", "cert.pem", "ca.pem")
        given.write_text("".join((certificates / name).read_text() for name in parts))
    where = ("--cluster-file", str(encrypted.file)) if in_one_file else (
        "--cluster", encrypted.address,
    )  # fmt: skip
    ended = forked(*where, "--cluster-tls", str(given), "-o", "data", *ten)
    assert (ended.status, ended.err.count("clear")) == (0, 0)
    assert [row[0] for row in ended.rows] == ["200"] * 10


def test_a_cluster_with_certificates_of_somebody_else_is_not_trusted(
    forked: InstalledCommand, encrypted: DaskCommands, certificates: Path, ten: list[str]
) -> None:
    trustme.CA().cert_pem.write_to_path(certificates / "ca.pem")
    ended = forked("--cluster", encrypted.address, "--cluster-tls", str(certificates), *ten)
    assert (ended.status, ended.out) == (3, "")
    assert "TLS certificate does not match" in ended.err
    assert "Traceback" not in ended.err


def test_a_warning_says_that_settings_go_to_another_machine_in_the_clear(
    forked: InstalledCommand, empty: DaskCommands, ten: list[str]
) -> None:
    """Here it is another address of the loopback."""
    empty.add_worker(host="127.0.0.2")
    ended = forked("--cluster", empty.address, "-o", "data", *ten)
    assert ended.status == 0
    assert ended.err.count("settings and URLs go to tcp://127.0.0.2:") == 1
    assert ended.err.count("in the clear, with all passwords, cookies, headers and signatures") == 1


def test_a_scheduler_that_does_not_answer_ends_the_run(
    forked: InstalledCommand, ten: list[str]
) -> None:
    ended = forked("--cluster", "tcp://127.0.0.1:1", *ten)
    assert ended.status == 3
    assert "the Dask scheduler tcp://127.0.0.1:1 does not answer" in ended.err
    assert "Traceback" not in ended.err


def test_a_client_of_a_program_stays_open(
    empty: DaskCommands, ten: list[str], tmp_path: Path
) -> None:
    empty.add_worker(2)
    program = (
        "from distributed import Client\n"
        "from pyfetch import fetch_all\n"
        f"with Client({empty.address!r}) as client:\n"
        "    for _ in range(2):\n"
        f"        for result in fetch_all({ten!r}, cluster=client, output_dir='data'):\n"
        "            print(result.status)\n"
        "    print(client.submit(sum, [3, 4]).result())\n"
        "    results = fetch_all([], cluster=client, discard=True)\n"
        "    print(list(results), client.status)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=LONGEST
    )
    printed = ended.stdout.decode().split("\n")
    assert printed[:-1] == ["200"] * 10 + ["304"] * 10 + ["7", "[] running"], ended.stderr
