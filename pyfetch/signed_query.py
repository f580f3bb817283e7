"""Query parameters that only sign a URL: they change each day, while the file stays the same."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from pyfetch.value import Value

LEFT_OUT = "#"
"""Ends a URL without its signature, so that it never equals a URL that has had none."""

_MAY_BE_SIGNED = r"(?i:[?&](?:x-amz-signature|x-goog-signature|signature|sig)=)"


class _Signature(Value):
    """A method of signing URLs; the names of parameters are in lower case."""

    needs: frozenset[str]
    """Parameters that such a URL always has."""
    has: str
    """A pattern for the names of all of its parameters."""


def _signature(needs: str, more: str = "") -> _Signature:
    names = "|".join(f"{needs} {more}".split())
    return _Signature(frozenset(needs.split()), names)


_SIGNATURES = (
    # Amazon S3 and what is compatible with it, version 4; Google Cloud Storage, version 4.
    _signature("x-amz-signature", "x-amz-.*"),
    _signature("x-goog-signature", "x-goog-.*"),
    # Amazon CloudFront, with a canned and with a custom policy.
    _signature("expires signature key-pair-id"),
    _signature("policy signature key-pair-id"),
    # The older version 2 of Amazon S3 and of Google Cloud Storage.
    _signature("expires signature awsaccesskeyid", "x-amz-security-token"),
    _signature("expires signature googleaccessid"),
    # Azure's shared access signatures. Parameters about the response (`rsct`) are no part of them.
    _signature(
        "sig se sp sv",
        "st sr ss srt sip spr si sdd ses saoid suoid scid skoid sktid skt ske sks skv",
    ),
)


def unsigned(url: str, ignored: Sequence[str] = ()) -> str:
    """A URL, which has no fragment, without its signature and without `ignored` parameters.

    A method of signing is recognized if all parameters that it needs are there. `ignored` are
    patterns of names, with `*` and `?`. The result ends in `#` if anything was left out.
    """
    if not ignored and ("?" not in url or not re.search(_MAY_BE_SIGNED, url)):
        return url
    before, _, query = url.partition("?")
    parameters = query.removesuffix(LEFT_OUT).split("&")
    names = [parameter.partition("=")[0] for parameter in parameters]
    lower = {name.lower() for name in names}
    signatures = [
        re.compile(signature.has) for signature in _SIGNATURES if signature.needs <= lower
    ]
    left = [
        parameter
        for parameter, name in zip(parameters, names, strict=True)
        if not any(has.fullmatch(name.lower()) for has in signatures)
        and not any(fnmatchcase(name, pattern) for pattern in ignored)
    ]
    if len(left) == len(parameters):
        return url
    return before + ("?" + "&".join(left) if left else "") + LEFT_OUT
