"""TLS context of a run: trusted certificate authorities, and our own certificate."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import certifi

from pyfetch.errors import UsageError
from pyfetch.settings import Settings, bundle_of_the_environment

_log = logging.getLogger(__name__)

_IGNORE_UNEXPECTED_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
"""OpenSSL before 3.0 does not have it."""


def holds_bytes(connection: socket.socket) -> bool:
    """Whether the TLS layer of a connection holds bytes that nobody has read yet.

    They have left the system's buffer, so `select.poll` does not see them.
    """
    if type(connection) is socket.socket:
        return False
    if isinstance(connection, ssl.SSLSocket):
        return connection.pending() > 0
    inner: Any = connection
    if not hasattr(inner, "sslobj"):
        return False  # no TLS
    # TLS inside of the TLS of a proxy, as `urllib3` has it.
    return bool(inner.sslobj.pending() or inner.incoming.pending or holds_bytes(inner.socket))


class Trust:
    """The TLS context of a run, made when it is first needed; for any thread.

    `cacert`: the authorities of some hosts, in place of those of the run. Raises `UsageError`, at
    once, for files that cannot be used.
    """

    def __init__(self, settings: Settings, cacert: str | None = None) -> None:
        self._settings = settings
        self._bundle = cacert or settings.cacert or bundle_of_the_environment()
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        if self._bundle or settings.cert:
            self._context = _new_context(settings, self._bundle)

    @property
    def context(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = _new_context(self._settings, self._bundle)
            return self._context


class Authorities(NamedTuple):
    """Where the authorities are that a run trusts: a file, a directory, or both."""

    file: str | None
    directory: str | None


def authorities_of(settings: Settings, cacert: str | None = None) -> Authorities:
    """The authorities that a `Trust` of the same arguments has, for other libraries than `ssl`."""
    bundle = cacert or settings.cacert or bundle_of_the_environment()
    if bundle is not None:
        return Authorities(None, bundle) if Path(bundle).is_dir() else Authorities(bundle, None)
    if _system_has_authorities():
        paths = ssl.get_default_verify_paths()
        return Authorities(paths.cafile, paths.capath)
    return Authorities(certifi.where(), None)


def _new_context(settings: Settings, bundle: str | None) -> ssl.SSLContext:
    context = _verifying_context(bundle)
    # A body may end where its connection ends. That counts only if the server has announced the
    # end (`close_notify`; RFC 9112, section 9.8): anybody on the way could cut the connection. By
    # default, Python does not check this.
    context.options &= ~_IGNORE_UNEXPECTED_EOF
    context.set_alpn_protocols(["http/1.1"])  # RFC 7301: no HTTP/2
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert:
        _load_certificate(context, settings.cert, settings.key)
    return context


def _verifying_context(bundle: str | None) -> ssl.SSLContext:
    if bundle is None:
        return _system_context()
    place = Path(bundle)
    try:
        if place.is_dir():
            if not any(place.glob("*.[0-9]")):
                # OpenSSL would silently trust no authority at all.
                raise ValueError(
                    "it has no files named by their hash (`openssl rehash` makes them)"
                )
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = "it has no certificate" if isinstance(error, ssl.SSLError) else _reason(error)
        raise UsageError(f"cannot use the authorities in {bundle}: {reason}") from error


def _system_context() -> ssl.SSLContext:
    if sys.platform in ("darwin", "win32"):
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # On other systems OpenSSL finds the system's store: by SSL_CERT_FILE and SSL_CERT_DIR, or where
    # the distribution keeps it.
    if _system_has_authorities():
        return ssl.create_default_context()
    _log.info("this system has no certificate authorities: those of certifi are used")
    return ssl.create_default_context(cafile=certifi.where())


def _system_has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return True
    return paths.capath is not None and any(Path(paths.capath).glob("*.0"))


def _load_certificate(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    def no_password() -> str:
        raise ValueError("its key is encrypted: decrypt it first")

    for file in filter(None, (cert, key)):
        try:
            Path(file).open("rb").close()  # this error names the file; those below do not
        except OSError as error:
            raise UsageError(f"cannot use the certificate: {file}: {_reason(error)}") from error
    try:
        context.load_cert_chain(cert, key, password=no_password)
    except (OSError, ValueError) as error:
        reason = _reason(error)
        if isinstance(error, ssl.SSLError):
            reason = "certificate and key are not in it, or do not belong together (PEM is needed)"
        raise UsageError(f"cannot use the certificate {cert}: {reason}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
