"""Which refusals of a server of S3 may pass, and what is said where none answers."""

from __future__ import annotations

import socket

import pytest

from pyfetch.http import s3_uploads
from pyfetch.http.s3_errors import S3Error
from pyfetch.http.s3_signature import S3Access
from pyfetch.http.s3_uploads import S3Uploads
from tests.support.cases import cases


@cases(
    ("status", "code", "may_pass"),
    [
        (0, "", True),
        (400, "BadDigest", True),  # a body that was damaged on its way
        (400, "XAmzContentSHA256Mismatch", True),
        (400, "RequestTimeout", True),
        (400, "InvalidArgument", False),
        (403, "AccessDenied", False),
        (404, "NoSuchUpload", False),
        (409, "ConditionalRequestConflict", True),
        (412, "PreconditionFailed", False),
        (429, "SlowDown", True),
        (500, "InternalError", True),
        (501, "NotImplemented", False),
        (503, "SlowDown", True),
    ],
)
def test_the_same_request_may_succeed_later_or_not(status: int, code: str, may_pass: bool) -> None:
    """A status of 400 means both: the code says which."""
    assert S3Error(f"<Error><Code>{code}</Code></Error>", status).may_pass is may_pass


def test_why_no_server_has_answered_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_uploads, "_TRIES", 1)
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(S3Error) as failed:
            S3Uploads(S3Access(endpoint, "region", "key", "secret"), "bucket").begin("x", {})
    assert str(failed.value) == (
        f"no answer from {endpoint} (connection failed: Connection refused)"
    )
    assert failed.value.may_pass
