"""Requests to servers of S3 are signed as AWS's examples are."""

from __future__ import annotations

from calendar import timegm

from pyfetch.http.s3_signature import EMPTY, S3Access, signed_fields
from tests.support.cases import cases

ACCESS = S3Access(
    "https://examplebucket.s3.amazonaws.com", "us-east-1",
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)  # fmt: skip
HOST = "examplebucket.s3.amazonaws.com"
NOW = timegm((2013, 5, 24, 0, 0, 0))


@cases(
    ("path", "query", "fields", "signature"),
    [
        ("/test.txt", {}, {"Range": "bytes=0-9"},
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("/", {"lifecycle": ""}, {},
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/", {"max-keys": "2", "prefix": "J"}, {},
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)  # fmt: skip
def test_the_examples_of_aws_have_their_signatures(
    path: str, query: dict[str, str], fields: dict[str, str], signature: str
) -> None:
    signed = signed_fields(ACCESS, "GET", HOST, path, query, fields, EMPTY, NOW)
    assert signed["authorization"].endswith(f"Signature={signature}")


def test_the_secret_is_in_no_repr() -> None:
    assert ACCESS.secret not in repr(ACCESS)
    assert ACCESS.key_id not in repr(ACCESS)
