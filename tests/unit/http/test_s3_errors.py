"""Which refusals of a server of S3 may pass."""

from __future__ import annotations

from pyfetch.http.s3_errors import S3Error
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
