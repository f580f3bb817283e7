"""What an error of libcurl means, as the exception that other clients would have raised.

So `pyfetch.http.failures` says the same of it, whoever has fetched.
"""

import errno
import os
import re
import socket
import ssl
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pycurl
from requests.exceptions import InvalidURL

from pyfetch.http import failures
from pyfetch.http.connection import ConnectError, HandshakeTimeoutError
from pyfetch.http.name_lookup import LookUpTimeoutError, NoAddressError
from pyfetch.http.origin_config import OriginConfig
from pyfetch.http.response_head import BadHeadError, HeadCutError
from pyfetch.http.route import Route
from pyfetch.models import Failure, TargetError

if TYPE_CHECKING:
    from pyfetch.http.curl.client import CurlClient
    from pyfetch.http.curl.handle import Handle

Error = TypeVar("Error", bound=Exception)

# Codes of libcurl (`man 3 libcurl-errors`): pycurl has no names for some of them.
UNSUPPORTED_PROTOCOL = 1
URL_MALFORMAT = 3
COULDNT_RESOLVE_PROXY = 5
COULDNT_RESOLVE_HOST = 6
COULDNT_CONNECT = 7
WEIRD_SERVER_REPLY = 8
OUT_OF_MEMORY = 27
OPERATION_TIMEDOUT = 28
GOT_NOTHING = 52
RECV_ERROR = 56
PEER_FAILED_VERIFICATION = 60
BAD_CONTENT_ENCODING = 61
PROXY = 97
TOO_LARGE = 100

_TLS = frozenset({35, 53, 54, 58, 59, 64, 66, 77, 83, 91})
NO_HTTP = frozenset({UNSUPPORTED_PROTOCOL, WEIRD_SERVER_REPLY})
"""What has come is no answer."""
_RESOLVE = frozenset({COULDNT_RESOLVE_PROXY, COULDNT_RESOLVE_HOST})
_NO_STATUS_LINE = re.compile("HTTP/0.9|Invalid status line|version|Version mismatch")
"""What libcurl says where the first line is none of a response that it knows."""
_BAD_HTTP = frozenset({WEIRD_SERVER_REPLY, TOO_LARGE, UNSUPPORTED_PROTOCOL, BAD_CONTENT_ENCODING})
_GAVE_UP = "Connection died, tried"
"""How libcurl begins to say, with one code or another, that it has given up; see `gave_up`."""
_SOCKS_REPLIES = {
    1: "general SOCKS server failure",
    2: "connection not allowed by ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


class Reached(NamedTuple):
    """How far a transfer had come when it failed."""

    has_socket: bool
    """A socket was made for it."""
    has_looked_up: bool
    has_connected: bool
    """A TCP connection was there."""
    has_lines: bool
    """A part of the head had come."""
    errno: int
    """Of the system call that failed; 0: none did."""
    connect_timeout: float
    """In seconds."""
    tunnel: str
    """Status and reason of the proxy's answer to CONNECT; empty: it has given none."""
    verify_result: int
    """Of OpenSSL, about the certificate (X509_V_ERR_…)."""
    socks: str
    """Host and port of the SOCKS proxy; empty: there is none."""
    family: str
    """The only kind of addresses that are wanted, as an option; empty: any."""


def gave_up(text: str) -> bool:
    """Whether libcurl has sent a request several times, and not a byte of an answer has come.

    Each time a connection that was kept open had ended, or the server has refused the request
    without looking at it (HTTP/2: RFC 9113, sections 6.8 and 8.7; HTTP/3: RFC 9114, section 4.1.1).
    """
    return text.startswith(_GAVE_UP)


def why_no_answer(
    code: int, text: str, handle: "Handle", config: OriginConfig, client: "CurlClient"
) -> TargetError | OSError:
    """The failure of a request that libcurl has ended before the head of a response was there.

    An `OSError`: the system has made no socket.
    """
    connection = handle.connection
    if connection.error:
        return connection.error
    if connection.refusal and code == COULDNT_CONNECT:
        return TargetError(Failure.FORBIDDEN_ADDRESS, f"not public: {connection.refusal}")
    error = as_exception(code, text, _how_far(handle, config.route, client))
    return caused(failures.of_request(error, config.timeout), error)


def _how_far(handle: "Handle", route: Route, client: "CurlClient") -> Reached:
    """How far the request of this handle has come."""
    get, proxy = handle.easy.getinfo, route.proxy
    has_socket = handle.connection.is_new
    return Reached(
        has_socket=has_socket,
        has_looked_up=has_socket or get(pycurl.NAMELOOKUP_TIME) > 0,
        has_connected=get(pycurl.CONNECT_TIME) > 0,
        has_lines=bool(handle.heads.lines),
        errno=get(pycurl.OS_ERRNO),
        connect_timeout=client.connect_timeout,
        tunnel=handle.heads.tunnel() if route.is_tunnel else "",
        verify_result=get(pycurl.SSL_VERIFYRESULT),
        socks=f"{proxy.host}:{proxy.port}" if proxy and proxy.is_socks else "",
        family=client.family,
    )


def as_exception(code: int, text: str, progress: Reached) -> Exception:
    """The exception for an error before the head of a response was complete."""
    if code == PEER_FAILED_VERIFICATION:
        return _refused_certificate(text, progress.verify_result)
    if code == OPERATION_TIMEDOUT:
        return _timeout(progress)
    if progress.tunnel and not progress.tunnel.startswith("2"):
        return ConnectionError(f"the proxy refuses a tunnel: {progress.tunnel}")
    if "SOCKS" in text or (progress.socks and code == COULDNT_CONNECT):
        return _of_socks(text, progress)
    if code in _RESOLVE or code == COULDNT_CONNECT:
        return _unreached(code, text, progress)
    if code in _TLS:
        return _of_tls(text)
    return _of_answer(code, text, progress)


def _unreached(code: int, text: str, progress: Reached) -> Exception:
    if code == COULDNT_CONNECT:
        if not progress.errno and progress.has_socket:
            # pycurl could make no copy of the socket that it was given.
            return OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        number = progress.errno or errno.ECONNREFUSED
        return caused(ConnectError(text), OSError(number, os.strerror(number)))
    if progress.family:
        kind = progress.family.removeprefix("--").replace("ip", "IP")
        detail = f"no {kind} address of the host was found ({progress.family})"
        return NoAddressError(socket.EAI_NONAME, detail)
    return socket.gaierror(socket.EAI_NONAME, text)


def _of_socks(text: str, progress: Reached) -> Exception:
    """For an error of a SOCKS proxy, or on the way to it, with the words of RFC 1928, section 6."""
    if "SOCKS" not in text:
        reason = os.strerror(progress.errno or errno.ECONNREFUSED)
        return ConnectionError(f"error connecting to the SOCKS proxy {progress.socks}: {reason}")
    if "rejected" in text or "auth" in text.lower():
        return ConnectionError(f"SOCKS authentication failed: {text}")
    number = re.search(r"\((\d+)\)$", text)
    reason = _SOCKS_REPLIES.get(int(number[1]), "") if number else ""
    return ConnectionError(f"{text}: {reason}" if reason else text)


def _of_answer(code: int, text: str, progress: Reached) -> Exception:
    """For an error while the head of the answer was waited for."""
    if code == URL_MALFORMAT:
        return InvalidURL(text)
    if gave_up(text):
        detail = "the server has refused the request, or closed the connection, time and again"
        return ConnectionError(detail)
    if code == OUT_OF_MEMORY:
        return MemoryError(text)
    if code in NO_HTTP and _NO_STATUS_LINE.search(text):
        return BadStatusLine(text)
    if code in _BAD_HTTP:
        return BadHeadError(text)
    if progress.has_lines and code != RECV_ERROR:
        return HeadCutError("the connection was closed within the head of the response")
    if code in (0, GOT_NOTHING):
        return RemoteDisconnected("the server closed the connection without a response")
    if progress.errno:
        return OSError(progress.errno, os.strerror(progress.errno))
    return HTTPException(text)


def _of_tls(text: str) -> Exception:
    was_cut = "unexpected eof" in text.lower() or "SSL_ERROR_SYSCALL" in text
    return ssl.SSLEOFError(1, text) if was_cut else ssl.SSLError(1, text)


def _timeout(progress: Reached) -> Exception:
    if not progress.has_looked_up:
        detail = f"no answer within {progress.connect_timeout:g} s"
        return LookUpTimeoutError(socket.EAI_AGAIN, detail)
    if not progress.has_connected:
        return caused(ConnectError("timed out"), TimeoutError("timed out"))
    return HandshakeTimeoutError()


def caused(error: Error, cause: Exception) -> Error:
    """The error, with its cause."""
    error.__cause__ = cause
    return error


def _refused_certificate(text: str, result: int) -> ssl.SSLError:
    """The error that `ssl` raises for a certificate that is not trusted."""
    error = ssl.SSLCertVerificationError(1, text)
    is_for_another_host = "subject name" in text or not result
    error.verify_code = 62 if is_for_another_host else result
    error.verify_message = text
    return error
