"""What libcurl reports gets the codes and sentences that threads give."""

from __future__ import annotations

import errno

import pytest
from urllib3 import Timeout

from pyfetch.http import failures
from pyfetch.http.curl.errors import Reached, as_exception
from pyfetch.models import Failure, HostSignal

NOTHING = Reached(
    has_socket=False, has_looked_up=False, has_connected=False, has_lines=False, errno=0,
    connect_timeout=5.0, tunnel="", verify_result=0, socks="", family="",
)  # fmt: skip
CONNECTING = NOTHING._replace(has_socket=True, has_looked_up=True)
CONNECTED = CONNECTING._replace(has_connected=True)


@pytest.mark.parametrize(
    ("code", "text", "reached", "failure", "detail", "sign"),
    [
        (6, "", NOTHING, Failure.DNS, "the host's name was not found", HostSignal.UNREACHED),
        (6, "", NOTHING._replace(family="--ipv6"), Failure.DNS,
         "no IPv6 address of the host was found (--ipv6)", HostSignal.UNREACHED),
        (28, "", NOTHING, Failure.DNS,
         "the look-up of the host's name got no answer within 5 s", HostSignal.UNREACHED),
        (28, "", CONNECTING, Failure.TIMEOUT,
         "no connection within 5 s", HostSignal.UNREACHED),
        (28, "", CONNECTED, Failure.TIMEOUT,
         "connected, but no complete handshake within 5 s", HostSignal.SILENT),
        (7, "", CONNECTING._replace(errno=errno.ECONNREFUSED), Failure.CONNECT,
         "connection failed: Connection refused", HostSignal.UNREACHED),
        (52, "Empty reply", CONNECTED, Failure.CONNECT,
         "connection failed: the server closed the connection without a response",
         HostSignal.NONE),
        (52, "closed", CONNECTED._replace(has_lines=True), Failure.TRUNCATED,
         "the connection was closed within the head of the response", HostSignal.NONE),
        (56, "reset", CONNECTED._replace(has_lines=True, errno=errno.ECONNRESET), Failure.CONNECT,
         "connection failed: Connection reset by peer", HostSignal.NONE),
        (56, "Connection died, tried 5 times before giving up", CONNECTED, Failure.CONNECT,
         "connection failed: the server has refused the request, or closed the connection, time "
         "and again", HostSignal.NONE),
        (60, "SSL certificate problem", CONNECTED._replace(verify_result=10), Failure.TLS,
         "certificate refused: it has expired", HostSignal.NONE),
        (56, "CONNECT tunnel failed", CONNECTED._replace(tunnel="407 Who?"), Failure.CONNECT,
         "connection failed: the proxy refuses a tunnel: 407 Who?", HostSignal.NONE),
        (8, "Nul byte in header", CONNECTED, Failure.WRONG_CONTENT,
         "the response is no proper HTTP: Nul byte in header", HostSignal.NONE),
    ],
)  # fmt: skip
def test_an_error_is_said_as_threads_say_it(
    code: int, text: str, reached: Reached, failure: Failure, detail: str, sign: HostSignal
) -> None:
    error = failures.of_request(as_exception(code, text, reached), Timeout(5.0, read=9.0))
    assert (error.failure, error.detail, error.sign) == (failure, detail, sign)


def test_a_certificate_for_another_host_is_told_from_others() -> None:
    text = "SSL: no alternative certificate subject name matches target host name 'h'"
    error = failures.of_request(as_exception(60, text, CONNECTED), Timeout(5.0, read=9.0))
    assert error.detail.startswith("certificate refused: it is for another host (")


def test_a_socket_that_pycurl_could_not_copy_is_a_lack_of_descriptors() -> None:
    error = as_exception(7, "Could not connect", CONNECTING)
    assert isinstance(error, OSError)
    assert error.errno == errno.EMFILE
