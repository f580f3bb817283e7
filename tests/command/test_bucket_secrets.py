"""Credentials of a bucket are in no output and in no file, however they are given."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pyfetch.http import s3_uploads
from pyfetch.storage.objects import obstore_client
from tests.support.buckets import KEY_ID, SECRET, BucketOfTests, Trouble, may_use_buckets
from tests.support.command import Command, Ended
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow

TOKEN = "TOKENEXAMPLE0001"  # noqa: S105 - as those of roles, which hold for a time
ENCRYPTION = base64.b64encode(b"sixteen bytes of").decode()
PASSWORD = "PASSWORDEXAMPLE0001"  # noqa: S105 - of a proxy
SECRETS = re.compile(
    "|".join(re.escape(text) for text in (KEY_ID, SECRET, TOKEN, ENCRYPTION, PASSWORD))
    + r"|Signature=(?!\*\*\*)"
)
LARGE = bytes(range(256)) * 70_000
EVERYTHING = (
    "-vv", "--progress", "json", "--log-file", "log", "--report", "report.html",
    "--failed-to", "failed", "--format", "jsonl", "--checksums", "sums",
)  # fmt: skip


@pytest.fixture
def trouble(bucket: BucketOfTests) -> Iterator[Trouble]:
    with Trouble(bucket.port) as proxy:
        bucket.port = proxy.port
        yield proxy


def in_options(pyfetch: Command) -> list[str]:
    """Give the credentials by `--store-option`."""
    environment = pyfetch.environment
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del environment[name]
    given = {"ACCESS_KEY_ID": KEY_ID, "aws_secret_access_key": SECRET, "session_token": TOKEN}
    return [text for name, value in given.items() for text in ("--store-option", f"{name}={value}")]


def in_environment(pyfetch: Command) -> list[str]:
    pyfetch.environment["AWS_SESSION_TOKEN"] = TOKEN
    return []


def in_profile(pyfetch: Command) -> list[str]:
    """Give them by a file, as other tools read it."""
    file = pyfetch.directory.parent / "credentials"
    environment = pyfetch.environment
    lines = [f"{name.lower()} = {environment.pop(name)}\n" for name in (
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    )]  # fmt: skip
    file.write_text(f"[default]\n{''.join(lines)}aws_session_token = {TOKEN}\n")
    environment["AWS_SHARED_CREDENTIALS_FILE"] = str(file)
    return []


def assert_nothing_is_told(pyfetch: Command, ended: Ended) -> None:
    """No secret is in an output or in a file that the command has written."""
    written = [file for file in pyfetch.directory.rglob("*") if file.is_file()]
    texts = {str(file): file.read_bytes().decode(errors="replace") for file in written}
    texts |= {"standard output": ended.out, "standard error": ended.err}
    assert "Traceback" not in ended.err
    told = [(name, found[0]) for name, text in texts.items() for found in SECRETS.finditer(text)]
    assert told == []


@pytest.mark.parametrize("given", [in_options, in_environment, in_profile])
def test_no_output_and_no_file_has_credentials(
    pyfetch: Command,
    server: LoopbackServer,
    bucket: BucketOfTests,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
    given: object,
) -> None:
    """Of a run that ends well, of one that is refused, and of one whose bucket does not answer."""
    assert callable(given)
    may_use_buckets(pyfetch)
    options = given(pyfetch)
    monkeypatch.setattr(s3_uploads, "_TRIES", 2)
    server.pages = {"/x": Page(b"x"), "/large": Page(LARGE)}
    arguments = bucket.arguments(*options, *EVERYTHING)
    urls = [f"{server.url}/{name}" for name in ("x", "large", "missing")]
    ended = pyfetch(*arguments, *urls)
    assert ended.status == 1, ended.err
    assert bucket.objects() == {"x": b"x", "large": LARGE}
    assert_nothing_is_told(pyfetch, ended)
    trouble.plan = lambda method, target: 403 if method in ("PUT", "POST") else None
    server.pages = {"/x": Page(b"new"), "/large": Page(LARGE[::-1])}
    for url, more in ((urls[0], []), (urls[1], []), (urls[0], ["--plan"])):
        ended = pyfetch(*arguments, *more, url)
        assert ended.status == (0 if more else 3), ended.err
        assert_nothing_is_told(pyfetch, ended)


def test_what_cannot_be_used_is_told_without_the_values_of_options(
    pyfetch: Command,
    server: LoopbackServer,
    bucket: BucketOfTests,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_use_buckets(pyfetch)
    retries = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
    monkeypatch.setattr(obstore_client, "_RETRIES", retries)
    monkeypatch.setattr(s3_uploads, "_TRIES", 1)
    server.pages = {"/x": Page(b"x")}
    for wrong in (
        ("region=x y",),
        ("colour=" + SECRET,),
        (f"endpoint=http://user:{PASSWORD}@127.0.0.1:1", "connect_timeout=1s"),
        (f"proxy_url=http://user:{PASSWORD}@127.0.0.1:1", "connect_timeout=1s"),
        (f"sse_customer_key_base64={ENCRYPTION}", "server_side_encryption=unknown"),
        (f"timeout={PASSWORD}",),
    ):
        options = [text for value in wrong for text in ("--store-option", value)]
        for more in (f"{server.url}/x", "--show-config", "--verify", "--cleanup"):
            ended = pyfetch("-o", bucket.address, *options, "-vv", more)
            assert_nothing_is_told(pyfetch, ended)
            assert "panicked" not in ended.err
            if more.startswith("http"):
                assert ended.status in (2, 3)
                assert "cannot" in ended.err
    assert not server.asked


def test_objects_of_a_list_are_shown_by_their_addresses(
    pyfetch: Command, bucket: BucketOfTests
) -> None:
    """They are fetched by signed URLs, which nobody else should see."""
    may_use_buckets(pyfetch)
    bucket.write("one", b"one")
    names = "".join(f"{bucket.address}/{name}\n" for name in ("one", "missing"))
    ended = pyfetch(
        *EVERYTHING, "-", "-o", "data", "--store-option", bucket.endpoint,
        "--allow-store", f"{bucket.address}/", stdin=names,
    )  # fmt: skip
    assert ended.status == 1, ended.err
    assert (pyfetch.directory / "data" / "one").read_bytes() == b"one"
    assert f"{bucket.address}/missing" in (pyfetch.directory / "failed").read_text()
    assert_nothing_is_told(pyfetch, ended)
