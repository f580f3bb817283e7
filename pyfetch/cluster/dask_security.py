"""The certificates with which a run talks to a Dask cluster: what `--cluster-tls` names."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from pyfetch.errors import UsageError

if TYPE_CHECKING:
    from distributed import Security

_AUTHORITY, _CERTIFICATE, _KEY = "ca.pem", "cert.pem", "key.pem"
"""Files of a directory. The key may stand in the certificate's file."""


def security_of(path: str) -> Security:
    """What Dask has to know to encrypt all connections, and to refuse those that are not.

    `path`: a directory with `ca.pem`, `cert.pem` and `key.pem`, or one file that has all three.
    Raises `UsageError` if they cannot be used.
    """
    from distributed import Security

    place = Path(path)
    is_directory = place.is_dir()
    authority = place / _AUTHORITY if is_directory else place
    certificate = place / _CERTIFICATE if is_directory else place
    key = place / _KEY if is_directory and (place / _KEY).exists() else None
    _check(authority, certificate, key)
    return Security(
        require_encryption=True,
        tls_ca_file=str(authority),
        tls_client_cert=str(certificate),
        tls_client_key=key and str(key),
    )


def _check(authority: Path, certificate: Path, key: Path | None) -> None:
    """Raise `UsageError` if a file cannot be used. Dask would only say that nobody answers."""
    for file in filter(None, (authority, certificate, key)):
        try:
            file.open("rb").close()
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from None
    try:
        context = ssl.create_default_context(cafile=authority)
    except ssl.SSLError:
        raise UsageError(f"{authority}: no certificate of an authority in it") from None
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError:
        detail = "no certificate with a private key that belongs to it"
        raise UsageError(f"{certificate}: {detail}") from None
