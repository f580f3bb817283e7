"""`-o az://container/prefix`, on the emulator, where that is there (`make azurite`)."""

from __future__ import annotations

import base64
import hmac
import http.client
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import obstore
import pytest
from obstore.store import AzureStore

from tests.support.buckets import may_use_buckets
from tests.support.command import Command
from tests.support.documents import ROOT
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of the emulator: it is the same everywhere."""
VERSION = "2021-08-06"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    own = ROOT / ".azurite" / "node_modules" / ".bin" / "azurite-blob"
    program = str(own) if own.exists() else shutil.which("azurite-blob")
    if not program:
        pytest.skip("there is no azurite (make azurite)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    place = tmp_path_factory.mktemp("azurite")
    options = ["--blobPort", str(number), "--location", str(place), "--skipApiVersionCheck"]
    with subprocess.Popen([program, *options, "--silent"], stdout=subprocess.DEVNULL) as running:
        try:
            until = time.monotonic() + 30
            while time.monotonic() < until:
                try:
                    make_container(number)
                    break
                except OSError:
                    time.sleep(0.1)
            yield number
        finally:
            running.terminate()


def make_container(port: int) -> None:
    date = formatdate(usegmt=True)
    fields = f"x-ms-date:{date}\nx-ms-version:{VERSION}"
    text = f"PUT{chr(10) * 12}{fields}\n/{ACCOUNT}/{ACCOUNT}/box\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), "sha256"))
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {
        "x-ms-date": date,
        "x-ms-version": VERSION,
        "Authorization": f"SharedKey {ACCOUNT}:{signature.decode()}",
        "Content-Length": "0",
    }
    connection.request("PUT", f"/{ACCOUNT}/box?restype=container", headers=headers)
    assert connection.getresponse().status == 201
    connection.close()


def test_bodies_become_blobs_and_a_rerun_fetches_what_has_changed(
    pyfetch: Command, server: LoopbackServer, port: int, tmp_path: Path
) -> None:
    may_use_buckets(pyfetch)
    pyfetch.environment |= {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    box = AzureStore(
        "box", prefix="set", account_name=ACCOUNT, account_key=KEY, endpoint=endpoint,
        client_options={"allow_http": True},
    )  # fmt: skip
    server.pages = {
        "/small": Page(b"small"),
        "/empty": Page(b""),
        "/large": Page(bytes(range(256)) * 70_000),
    }
    urls = [f"{server.url}{path}" for path in server.pages]
    arguments = ("-o", "az://box/set", "--store-option", f"endpoint={endpoint}", *urls)
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    for path, page in server.pages.items():
        assert bytes(obstore.get(box, path[1:]).bytes()) == page.body
    ended = pyfetch(*arguments)
    assert [row[0] for row in ended.rows] == ["304"] * 3
    server.pages["/small"] = Page(b"new")
    obstore.put(box, "small", b"mine")
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    assert bytes(obstore.get(box, "small").bytes()) == b"new"
    assert bytes(obstore.get(box, "small.~1~").bytes()) == b"mine"
    assert KEY not in ended.out + ended.err
