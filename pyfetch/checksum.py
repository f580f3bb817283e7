"""Checksums that a list or a URL demands, and digests that are computed as the body arrives."""

import hashlib
import hmac
import string
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


class Checksum(NamedTuple):
    """The digest that a body must have, in lower-case hexadecimal digits."""

    algorithm: str
    digest: str

    def __str__(self) -> str:
        return f"{self.algorithm}={self.digest}"


def parse_checksum(algorithm: str, digest: str) -> Checksum:
    """The checksum with this algorithm and digest. Raises `ValueError` if there is no such one."""
    algorithm, digest = algorithm.strip().lower(), digest.strip().lower()
    if algorithm not in _DIGITS:
        raise ValueError(f"{algorithm!r} is none of {', '.join(_DIGITS)}")
    if len(digest) != _DIGITS[algorithm] or set(digest) - set(string.hexdigits):
        raise ValueError(f"{digest!r} is no {algorithm} of {_DIGITS[algorithm]} hexadecimal digits")
    return Checksum(algorithm, digest)


def demanded_by(fragment: str) -> Checksum | None:
    """The checksum in the fragment of a URL, as package indexes write it (PEP 503): `sha256=…`.

    None for a fragment that is no checksum. Raises `ValueError` for one that names an algorithm
    and has no valid digest.
    """
    for word in fragment.split("&"):
        algorithm, equals, digest = word.partition("=")
        if equals and algorithm.lower() in _DIGITS:
            return parse_checksum(algorithm, unquote(digest))
    return None


class Digest:
    """Computes the SHA-256 of a body, and compares its digest with the one that is demanded."""

    def __init__(self, demanded: Checksum | None = None) -> None:
        self._demanded = demanded
        self._sha256 = hashlib.sha256()
        self._other = None
        if demanded and demanded.algorithm != "sha256":
            # An old algorithm is no protection against attackers, but it detects accidents.
            self._other = hashlib.new(demanded.algorithm, usedforsecurity=False)
        # Most often a method in C, which each piece of a body is given to.
        self.update: Callable[[bytes | memoryview], None] = (
            self._update_both if self._other else self._sha256.update
        )

    def _update_both(self, data: bytes | memoryview) -> None:
        self._sha256.update(data)
        if self._other:
            self._other.update(data)

    def copy(self) -> "Digest":
        """A copy, to which other bytes can be added."""
        fed = Digest(self._demanded)
        fed._sha256 = self._sha256.copy()
        fed._other = self._other and self._other.copy()
        fed.update = fed._update_both if fed._other else fed._sha256.update
        return fed

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def mismatch(self) -> str | None:
        """A sentence that says how the digest differs from the demanded one; None if they agree."""
        if self._demanded is None:
            return None
        found = (self._other or self._sha256).hexdigest()
        if hmac.compare_digest(found, self._demanded.digest):
            return None
        return f"the {self._demanded.algorithm} is {found}, not {self._demanded.digest}"
