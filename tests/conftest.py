"""Fixtures of all tests: the command, servers on the loopback, a small disk."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from pyfetch.settings import SETTINGS, Engine
from tests.support.command import Command, InstalledCommand
from tests.support.engines import leave_out_differences
from tests.support.forked import ForkedCommand, LoadedProcess
from tests.support.server import LoopbackServer

if TYPE_CHECKING:  # loads the client of buckets
    from tests.support.buckets import BucketOfTests, BucketServer, Trouble

# No deadlines: a busy machine is no fault of ours.
settings.register_profile("steady", max_examples=15, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("steady")


MEMORY = Path("/dev/shm")  # noqa: S108 - the directory is pytest's, with a name of its own
ROOM = 1024**3
"""Bytes that have to be free there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """What fetches in the tests of the command and of the library: `--engine curl`."""
    parser.addoption("--engine", choices=list(Engine), default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Let the tests write into memory, where there is a place for that, and with one engine.

    A file system on a disk makes each state and each file wait for it.
    """
    engine = config.getoption("--engine")
    if engine:
        Command.engine = engine
        known = SETTINGS["engine"]  # the library's default, too
        SETTINGS["engine"] = known._replace(default=Engine(engine))
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection() -> None:
    """Look for no garbage among what is collected: a tenth of the time, and there is none."""
    gc.disable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not hold with the engine that the tests are run with."""
    leave_out_differences(config.getoption("--engine"), items)


def pytest_collection_finish() -> None:
    """Leave alone what is there for good: garbage is looked for in the rest."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def as_on_a_machine_of_its_own() -> Iterator[None]:
    """One fixture for all tests, since each costs each test a look-up."""
    signals_are_not_ignored()
    with pytest.MonkeyPatch.context() as patch:
        no_authorities_of_this_machine(patch)
        no_host_but_the_loopback(patch)
        no_configuration_of_this_machine(patch)
        yield


def signals_are_not_ignored() -> None:
    """Also where the tests run in the background of a shell or by `nohup`, which ignore one.

    Else the commands that are started would go on ignoring it, too.
    """
    for number, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


def no_authorities_of_this_machine(patch: pytest.MonkeyPatch) -> None:
    """Whom this machine trusts is nothing to the tests, and takes 40 ms to read.

    A command reads at its start the authorities that a variable names, if one does.
    """
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        patch.delenv(name, raising=False)


def no_host_but_the_loopback(patch: pytest.MonkeyPatch) -> None:
    """Let no test connect to another machine."""

    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        def guard(self: socket.socket, address: Any) -> Any:
            is_path = self.family == socket.AF_UNIX
            assert is_path or ip_address(address[0]).is_loopback, f"a test asks {address}"
            return connect(self, address)

        return guard

    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


def no_configuration_of_this_machine(patch: pytest.MonkeyPatch) -> None:
    """What its user has configured for pyfetch is nothing to the tests either."""
    patch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    for name in [name for name in os.environ if name.startswith("PYFETCH_")]:
        patch.delenv(name)


@pytest.fixture
def pyfetch(tmp_path: Path) -> Command:
    """The command, in this process."""
    return Command(tmp_path)


@pytest.fixture
def installed(pyfetch: Command) -> InstalledCommand:
    """The same in a process of its own, started as a shell does it."""
    return InstalledCommand(pyfetch)


@pytest.fixture(scope="session")
def loaded() -> Iterator[LoadedProcess]:
    """A process that has loaded the command."""
    with LoadedProcess() as process:
        yield process


@pytest.fixture
def forked(pyfetch: Command, request: pytest.FixtureRequest) -> InstalledCommand:
    """The command in a process of its own that is there at once, where the system lets us."""
    if sys.platform != "linux":
        return InstalledCommand(pyfetch)
    return ForkedCommand(pyfetch, request.getfixturevalue("loaded"))


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def other() -> Iterator[LoopbackServer]:
    """Another port of the same host."""
    with LoopbackServer() as running:
        yield running


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    """rclone as a server of S3."""
    from tests.support.buckets import rclone_server

    with rclone_server(tmp_path_factory.mktemp("rclone")) as running:
        yield running


@pytest.fixture(scope="session")
def moto() -> Iterator[BucketServer]:
    """A server of S3 that obeys conditions."""
    from tests.support.buckets import MotoServer

    with MotoServer() as running:
        yield running


@pytest.fixture
def bucket(rclone: BucketServer) -> BucketOfTests:
    return rclone.bucket()


@pytest.fixture
def strict_bucket(moto: BucketServer) -> BucketOfTests:
    """A bucket on a server that obeys conditions."""
    return moto.bucket()


@pytest.fixture
def trouble(moto: BucketServer) -> Iterator[Trouble]:
    """What is in front of that server."""
    from tests.support.buckets import Trouble

    with Trouble(moto.port) as proxy:
        yield proxy


@pytest.fixture
def place(strict_bucket: BucketOfTests, trouble: Trouble, pyfetch: Command) -> BucketOfTests:
    """The same bucket, seen through trouble, where the command may use it."""
    from tests.support.buckets import BucketOfTests, may_use_buckets

    may_use_buckets(pyfetch)
    return BucketOfTests(strict_bucket.prefix, trouble.port)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "small-disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)
