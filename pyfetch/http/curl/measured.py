"""What libcurl has measured of a transfer: for the phases of a result, and for the log.

It tells nothing of it while it calls us: these functions are called between its calls.
"""

from __future__ import annotations

from collections.abc import Sequence

import pycurl

from pyfetch.http import trace
from pyfetch.http.name_lookup import is_ip_address
from pyfetch.http.response import ResponseHead
from pyfetch.http.route import Route
from pyfetch.timing import Entered, Phase


def phases_of_connecting(easy: pycurl.Curl, route: Route, began: float) -> list[Entered]:
    """What happened before the answer, over a new connection, and when it began.

    `began`: when the transfer did, on the monotonic clock, in seconds.
    """
    get = easy.getinfo
    phases: list[Entered] = []
    if not is_ip_address(route.first_hop[0]):
        phases.append((Phase.RESOLVING, began))
    phases.append((Phase.CONNECTING, began + get(pycurl.NAMELOOKUP_TIME)))
    connected, secured = get(pycurl.CONNECT_TIME), get(pycurl.APPCONNECT_TIME)
    if connected and secured:
        phases.append((Phase.SECURING, began + connected))
    sent = get(pycurl.PRETRANSFER_TIME)
    if sent:
        phases.append((Phase.WAITING, began + sent))
    return phases


def note_answer(
    easy: pycurl.Curl,
    route: Route,
    response: ResponseHead,
    addresses: Sequence[str],
    *,
    logs: bool,
) -> None:
    """Note the server's address, if the heads are kept, and log the answer, if that is wanted."""
    if response.raw and not route.proxy:
        address = easy.getinfo(pycurl.PRIMARY_IP)
        response.raw = response.raw._replace(address=address or None)
    if logs:
        _log_answer(easy, route, response, addresses)


def _log_answer(
    easy: pycurl.Curl, route: Route, response: ResponseHead, addresses: Sequence[str]
) -> None:
    """Log an answer, and its connection if that is new.

    `addresses`: those that were tried for a new connection; none: an open one was used.
    """
    get = easy.getinfo
    if addresses:
        peer = (get(pycurl.PRIMARY_IP), get(pycurl.PRIMARY_PORT))
        seconds = get(pycurl.APPCONNECT_TIME) or get(pycurl.CONNECT_TIME)
        host = route.first_hop[0]
        if not is_ip_address(host):
            trace.name_resolved(host, addresses)
        trace.connected(route, peer, max(0.0, seconds - get(pycurl.NAMELOOKUP_TIME)))
    if trace.shows_heads():
        trace.response_head(response)
    seconds = get(pycurl.STARTTRANSFER_TIME) - get(pycurl.PRETRANSFER_TIME)
    trace.answered(response.url, response, reused=not addresses, seconds=seconds)
