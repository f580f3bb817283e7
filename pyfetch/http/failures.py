"""Translates exceptions of HTTP, TLS and sockets into a `TargetError` that says what failed."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import requests
from urllib3 import Timeout
from urllib3.exceptions import InvalidHeader

from pyfetch.http.connection import ConnectError, HandshakeTimeoutError
from pyfetch.http.name_lookup import LookUpTimeoutError, NoAddressError
from pyfetch.http.response_head import BadHeadError, HeadCutError
from pyfetch.models import Failure, HostSignal, TargetError
from pyfetch.transfer import Transfer

_LOCAL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors of this machine, which say nothing about the host."""


def of_request(error: Exception, timeout: Timeout) -> TargetError:
    """The failure for an exception that ended a request before the body of the response."""
    causes = list(_causes(error))
    for cause in causes:
        failure = _unambiguous(cause)
        if failure:
            return failure
    unreached = any(isinstance(cause, ConnectError) for cause in causes)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        if unreached:
            detail = f"no connection within {timeout.connect_timeout:g} s"
            return TargetError(Failure.TIMEOUT, detail, HostSignal.UNREACHED)
        if any(isinstance(cause, HandshakeTimeoutError) for cause in causes):
            detail = f"connected, but no complete handshake within {timeout.connect_timeout:g} s"
        else:
            detail = f"no answer within {timeout.read_timeout:g} s"
        return TargetError(Failure.TIMEOUT, detail, HostSignal.SILENT)
    innermost = causes[-1]
    reason = getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
    if isinstance(innermost, ssl.SSLError):
        was_cut = isinstance(innermost, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        return TargetError(Failure.CONNECT if was_cut else Failure.TLS, f"TLS: {reason}")
    is_local = getattr(innermost, "errno", None) in _LOCAL
    signal = HostSignal.UNREACHED if unreached and not is_local else HostSignal.NONE
    return TargetError(Failure.CONNECT, f"connection failed: {reason}", signal)


def of_body(error: Exception, transfer: Transfer) -> TargetError:
    """The failure for an exception that was raised while the body was read."""
    if isinstance(error, TimeoutError):
        return TargetError(
            Failure.TIMEOUT, f"no more data after {transfer.received} bytes of the body"
        )
    expected = f" of {transfer.size}" if transfer.size is not None else ""
    detail = f"the body ended after {transfer.received}{expected} bytes"
    return TargetError(Failure.TRUNCATED, detail)


def _unambiguous(cause: BaseException) -> TargetError | None:
    """The failure for an exception that means the same in every place; None for any other."""
    match cause:
        case ssl.SSLCertVerificationError():
            return TargetError(Failure.TLS, f"certificate refused: {_why_refused(cause)}")
        case LookUpTimeoutError():
            detail = f"the look-up of the host's name got {cause.strerror}"
            return TargetError(Failure.DNS, detail, HostSignal.UNREACHED)
        case NoAddressError():
            return TargetError(Failure.DNS, str(cause.strerror), HostSignal.UNREACHED)
        case socket.gaierror():
            return TargetError(Failure.DNS, "the host's name was not found", HostSignal.UNREACHED)
        case HeadCutError():
            return TargetError(Failure.TRUNCATED, str(cause))
        case BadHeadError() | InvalidHeader():
            return TargetError(Failure.WRONG_CONTENT, f"the response is no proper HTTP: {cause}")
        case requests.exceptions.InvalidURL():
            return TargetError(Failure.INVALID_URL, f"no URL: {cause}")
    return None


_HOW_TO_TRUST = "name its authority with --cacert if you trust it"
# Keys are OpenSSL's codes (X509_V_ERR_…).
_CERTIFICATE_FAULTS = {
    9: "it is not valid yet (is this machine's clock right?)",
    10: "it has expired",
    18: f"it is self-signed ({_HOW_TO_TRUST})",
    19: f"it leads to a self-signed root that is unknown here ({_HOW_TO_TRUST})",
    20: f"its issuer is unknown here ({_HOW_TO_TRUST})",
    21: f"its issuer is unknown here ({_HOW_TO_TRUST})",
    23: "it has been revoked",
}
_WRONG_HOST = frozenset({62, 64})


def _why_refused(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate was refused, as a clause."""
    if error.verify_code in _WRONG_HOST:
        return f"it is for another host ({error.verify_message.rstrip('.')})"
    return _CERTIFICATE_FAULTS.get(error.verify_code, error.verify_message)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that it wraps or was raised from, outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        wrapped = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else wrapped or error.__cause__
