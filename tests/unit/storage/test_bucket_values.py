"""Addresses of buckets, what errors of a server mean, and where the state of a run is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyfetch.errors import StoppedError, UsageError
from pyfetch.models import TargetError
from pyfetch.settings import Settings
from pyfetch.storage.destination import home_of
from pyfetch.storage.objects.address import BucketAddress
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_errors import meaning_of
from pyfetch.storage.objects.credentials import s3_access
from pyfetch.storage.objects.large_upload import PART, part_size
from tests.support.cases import cases


@cases(
    ("text", "shown", "key"),
    [
        ("s3://b", "s3://b", "x"),
        ("s3://b/", "s3://b", "x"),
        ("s3a://b/a/c/", "s3://b/a/c", "a/c/x"),
        ("gs://b/ä ö", "gs://b/ä ö", "ä ö/x"),
        ("azure://b/p", "az://b/p", "p/x"),
        ("memory:///p", "memory:///p", "p/x"),
    ],
)
def test_an_address_is_read_as_it_is_written(text: str, shown: str, key: str) -> None:
    address = BucketAddress.of(text)
    assert (str(address), address.key("x")) == (shown, key)
    assert address.shown("x") == f"{address.root}{key}"


@cases("text", ["s3://", "s3:///x", "s3://b/../x", "s3://b//x", "s3://b/a\nb", "s3://u:p@b/x"])
def test_what_is_no_place_in_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        BucketAddress.of(text)


def test_an_error_of_all_objects_stops_the_run_and_one_of_an_object_does_not() -> None:
    def meant(text: str, **more: bool) -> StoppedError | TargetError:
        return meaning_of("s3://b/x", text, writes=True, **more)

    slow = meant("… status code: 503 Slow Down: <Error><Code>SlowDown</Code></Error>")
    assert isinstance(slow, StoppedError)
    assert str(slow) == (
        "cannot write s3://b/x: HTTP 503 SlowDown (run the same command again to go on)"
    )
    assert isinstance(meant("connection refused"), StoppedError)
    assert isinstance(meant("status code: 403", is_denied=True), StoppedError)
    assert isinstance(meant("status code: 400 <Code>KeyTooLongError</Code>"), TargetError)
    expired = meant("status code: 400 <Error><Code>ExpiredToken</Code></Error>")
    assert isinstance(expired, StoppedError)
    assert "Signature=***" in str(meant("no answer from https://h/?X-Amz-Signature=abc"))


@cases(
    ("said", "means"),
    [
        ("InvalidCertificate( UnknownIssuer, )", "its issuer is unknown here (name the file"),
        ("InvalidCertificate( ExpiredContext { time", "it has expired (have it renewed"),
        ("InvalidCertificate( NotValidYetContext { time", "not valid yet (check this machine's"),
        ("InvalidCertificate( NotValidForNameContext {", "it is for another host (check"),
        ("InvalidCertificate( Revoked )", "its certificate is refused: it cannot be verified"),
        ('"tcp connect error", 127.0.0.1:1, Os { kind: ConnectionRefused', "it refuses"),
        ("ConnectError( \"tcp connect error\", 10.0.0.1:8080, Os { kind: ConnectionRefused",
         "10.0.0.1:8080 refuses connections"),  # a proxy
        ("ConnectError( \"t\", 10.0.0.1:80, Os { kind: HostUnreachable", "no way to 10.0.0.1:80"),
        ("source: hyper::Error( IncompleteMessage, )", "the connection was closed"),
        ('Custom { error: "as yet unknown" }', "as yet unknown (check the endpoint"),
        ("as yet unknown", "cannot be reached: Connect (check the endpoint"),
    ],
)  # fmt: skip
def test_why_nothing_has_answered_is_read_from_what_the_client_says(said: str, means: str) -> None:
    text = (
        "Generic S3 error: Error performing PUT https://u:secret@h:9/b/x in 62.6s, after 17"
        f" retries - HTTP error: error sending request HttpError {{ kind: Connect, source: {said}"
    )
    error = meaning_of("s3://b/x", text, writes=True)
    assert isinstance(error, StoppedError)
    assert "cannot write s3://b/x: https://***@h:9 cannot be reached: " in str(error)
    assert means in str(error)


def test_where_there_are_no_keys_that_is_what_is_said() -> None:
    """The client has asked the cloud for keys, which other machines do not reach."""
    for said in ("HTTP error: HttpError { kind: Timeout", "status code: 403 Forbidden: denied"):
        asked = "Error performing PUT http://169.254.169.254/latest/api/token in 1s - "
        error = meaning_of("s3://b/x", asked + said, writes=True)
        assert isinstance(error, StoppedError)
        assert "there are no keys in options, environment or profile, and http://169" in str(error)


@cases(
    ("status", "code"),
    [
        (507, "InsufficientStorage"),
        (507, "XMinioStorageFull"),
        (400, "XMinioAdminBucketQuotaExceeded"),
        (403, "QuotaExceeded"),
    ],
)
def test_a_bucket_that_is_full_is_called_so_in_the_words_of_each_server(
    status: int, code: str
) -> None:
    """MinIO and Ceph have statuses for it that else mean something else."""
    text = f"status code: {status} <Error><Code>{code}</Code></Error>"
    error = meaning_of("s3://b/x", text, writes=True, is_denied=status == 403)
    assert isinstance(error, StoppedError)
    assert f"HTTP {status} {code} (the bucket is full: make room" in str(error)


def test_an_option_that_makes_no_url_is_refused_before_it_is_used() -> None:
    """The client would end with a fault of its own in mid-run."""
    for option in (("region", "x y"), ("aws_endpoint", "http://h\n")):
        with pytest.raises(UsageError, match="no URL can have"):
            Bucket(BucketAddress.of("s3://b/p"), [option])


def test_each_destination_has_a_state_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    homes = {
        home_of(Settings(output_dir=place, store_option=options))
        for place in ("s3://b/a", "s3://b/a/", "s3://b/a/b", "s3://b/a-b", "gs://b/a")
        for options in ((), (("endpoint", "http://h"),), (("region", "x"),))
    }
    assert len(homes) == 4 * 2
    assert {home.parent for home in homes} == {tmp_path / "pyfetch"}
    assert home_of(Settings(output_dir="data")) == Path("data")
    own = home_of(Settings(output_dir="s3://b", state_dir=str(tmp_path / "own")))
    assert own.parent == tmp_path / "own"


def test_an_upload_has_no_more_parts_than_servers_take() -> None:
    assert part_size(1) == PART
    for total in (PART * 10_000, PART * 10_000 + 1, 5 * 1024**4):
        assert -(-total // part_size(total)) <= 10_000


def test_keys_come_from_options_environment_or_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "DEFAULT_REGION", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("ENDPOINT_URL_S3", "ENDPOINT_URL", "ENDPOINT", "SESSION_TOKEN", "TOKEN"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    profile = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    assert s3_access("s3", {}) is None
    profile.write_text(
        "[default]\naws_access_key_id=of_profile\naws_secret_access_key=s\nregion=eu-1\n"
    )
    access = s3_access("s3", {})
    assert access
    assert (access.key_id, access.region) == ("of_profile", "eu-1")
    assert access.endpoint == "https://s3.eu-1.amazonaws.com"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of_environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert (found := s3_access("s3", {}))
    assert found.key_id == "of_environment"
    options = {"aws_access_key_id": "of_options", "secret_access_key": "s", "endpoint": "http://h/"}
    assert (found := s3_access("s3", options))
    assert (found.key_id, found.endpoint) == ("of_options", "http://h")
    assert s3_access("gs", options) is None
    for name in ("virtual_hosted_style_request", "proxy_url", "aws_server_side_encryption"):
        assert s3_access("s3", options | {name: "true"}) is None, "obstore alone knows it"
    monkeypatch.setenv("AWS_SSE_KMS_KEY_ID", "a key")
    assert s3_access("s3", options) is None
    monkeypatch.delenv("AWS_SSE_KMS_KEY_ID")
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert s3_access("s3", options) is None
    monkeypatch.setenv("no_proxy", "h")
    assert s3_access("s3", options)
