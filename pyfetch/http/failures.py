"""What went wrong in HTTP, TLS or below, by the exceptions of the libraries that met it."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import requests
from urllib3 import Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
)

from pyfetch.http.response_head import BadHeadError, HeadCutError
from pyfetch.models import Failure, HostSignal, TargetError
from pyfetch.transfer import Transfer

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""What this machine lacks: it says nothing of the host."""


def of_request(error: Exception, timeout: Timeout) -> TargetError:
    """What an exception of `requests`, or of what it is built on, means for the target."""
    causes = list(_causes(error))
    for cause in causes:
        plain = _plain(cause)
        if plain:
            return plain
    unreached = any(isinstance(cause, NewConnectionError) for cause in causes)
    if not unreached and any(isinstance(cause, ConnectTimeoutError) for cause in causes):
        detail = f"no connection within {timeout.connect_timeout:g} s"
        return TargetError(Failure.TIMEOUT, detail, HostSignal.UNREACHED)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return TargetError(
            Failure.TIMEOUT, f"no answer within {timeout.read_timeout:g} s", HostSignal.SILENT
        )
    innermost = causes[-1]
    reason = getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
    if isinstance(innermost, ssl.SSLError):
        ended = isinstance(innermost, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        return TargetError(Failure.CONNECT if ended else Failure.TLS, f"TLS: {reason}")
    ours = getattr(innermost, "errno", None) in _OURS
    sign = HostSignal.UNREACHED if unreached and not ours else HostSignal.NONE
    return TargetError(Failure.CONNECT, f"connection failed: {reason}", sign)


def _plain(cause: BaseException) -> TargetError | None:
    """The failure, for an exception that can mean nothing else."""
    match cause:
        case ssl.SSLCertVerificationError():
            return TargetError(Failure.TLS, f"certificate refused: {_refused(cause)}")
        case NameResolutionError() | socket.gaierror():
            return TargetError(Failure.DNS, "the host's name was not found", HostSignal.UNREACHED)
        case HeadCutError():
            return TargetError(Failure.TRUNCATED, str(cause))
        case BadHeadError() | InvalidHeader():
            return TargetError(Failure.WRONG_CONTENT, f"the answer is no proper HTTP: {cause}")
        case requests.exceptions.InvalidProxyURL():
            return TargetError(Failure.CONNECT, "the proxy's address is no URL with a host")
        case requests.exceptions.InvalidSchema():
            detail = "SOCKS proxies need an extra: pip install 'pyfetch[socks]'"
            return TargetError(Failure.CONNECT, detail)
        case requests.exceptions.InvalidURL():
            return TargetError(Failure.INVALID_URL, f"no URL: {cause}")
    return None


_MEND_TRUST = "name its authority with --cacert if you trust it"
# The codes are those of OpenSSL's X509_V_ERR_….
_REFUSALS = {
    9: "it is not valid yet (is this machine's clock right?)",
    10: "it has expired",
    18: f"it is self-signed ({_MEND_TRUST})",
    19: f"it leads to a self-signed root that is unknown here ({_MEND_TRUST})",
    20: f"its issuer is unknown here ({_MEND_TRUST})",
    21: f"its issuer is unknown here ({_MEND_TRUST})",
    23: "it has been revoked",
}
_WRONG_HOST = frozenset({62, 64})


def _refused(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate was refused, as a clause for people."""
    if error.verify_code in _WRONG_HOST:
        return f"it is for another host ({error.verify_message.rstrip('.')})"
    return _REFUSALS.get(error.verify_code, error.verify_message)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it was raised from, outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        wrapped = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else wrapped or error.__cause__


def of_body(error: Exception, transfer: Transfer) -> TargetError:
    """What an exception means that ended the reading of a body."""
    if isinstance(error, TimeoutError):
        return TargetError(Failure.TIMEOUT, f"silent after {transfer.received} bytes of the body")
    expected = f" of {transfer.size}" if transfer.size is not None else ""
    detail = f"the body ended after {transfer.received}{expected} bytes"
    return TargetError(Failure.TRUNCATED, detail)
