"""When one request was sent, what has come of it since, and how long nothing has.

libcurl tells nothing of what it has measured while it calls us: this asks between its calls.
"""

from __future__ import annotations

import math
import time

import pycurl

from pyfetch.http.conversation import DRAIN_SECONDS
from pyfetch.http.curl.incoming_body import IncomingBody
from pyfetch.http.curl.measured import note_answer, phases_of_connecting
from pyfetch.http.curl.used_connection import UsedConnection
from pyfetch.http.response import ResponseHead
from pyfetch.http.route import Route
from pyfetch.timing import Phase
from pyfetch.transfer import Transfer

_WAITING, _RECEIVING = Phase.WAITING, Phase.RECEIVING


class RequestWatch:
    """The times of a request. A handle has one, for one request after the other."""

    __slots__ = (
        "_began", "_connection", "_easy", "_is_sent", "_is_settled", "_phases_before", "_seen",
        "_seen_at",
    )  # fmt: skip

    def __init__(self, easy: pycurl.Curl, connection: UsedConnection) -> None:
        self._easy = easy
        self._connection = connection
        self._phases_before = 0
        self._began = self._seen_at = 0.0
        self._seen = -1
        self._is_sent = self._is_settled = False

    def begin(self, transfer: Transfer) -> None:
        """A request begins: over an open connection, so far as is known."""
        now = self._began = self._seen_at = time.monotonic()
        self._seen = -1
        """How much had come when that was looked at last; -1: it was not."""
        self._is_sent = self._is_settled = False
        self._phases_before = len(transfer.phases)
        transfer.has_asked = True
        transfer.steps += 1
        transfer.phases.append((_WAITING, now))

    def forget_phases(self, transfer: Transfer) -> None:
        """The request is sent again: what it did so far does not count."""
        del transfer.phases[self._phases_before :]

    def is_sent(self, transfer: Transfer, route: Route, *, has_head: bool) -> bool:
        """Whether the request was sent. `has_head`: whether that of its response has come."""
        if self._is_sent:
            return True
        seconds = self._easy.getinfo(pycurl.PRETRANSFER_TIME)
        if not seconds:
            return False
        self._is_sent = True
        self._seen_at = self._began + seconds
        if self._connection.is_new:
            transfer.has_asked = True
            transfer.steps += 1
            if not has_head:
                self._note_connecting(transfer, route)
        return True

    def is_too_slow(
        self, now: float, come: int, body: IncomingBody, read_timeout: float | None
    ) -> bool:
        """Whether nothing has come for too long, in seconds. `come`: how much has come so far."""
        if body.other:
            return now > body.other.due
        if come != self._seen:
            self._seen, self._seen_at = come, now if self._seen >= 0 else self._seen_at
        if body.is_paused or not body.is_judged:  # nothing can come
            self._seen_at = now
        longest = DRAIN_SECONDS if body.is_discarding else read_timeout or math.inf
        return now - self._seen_at >= longest

    def settle(
        self, transfer: Transfer, route: Route, response: ResponseHead | None, *, logs: bool
    ) -> None:
        """Note, once, what libcurl has measured until the response. `logs`: log that, too."""
        if self._is_settled:
            return
        self._is_settled = True
        if self._connection.is_new:
            self._note_connecting(transfer, route)
        if response is not None:
            note_answer(self._easy, route, response, self._connection.addresses, logs=logs)

    def _note_connecting(self, transfer: Transfer, route: Route) -> None:
        """Note when the phases of a new connection began."""
        before, known = self._phases_before, transfer.phases
        received = [one for one in known[before:] if one[0] is _RECEIVING]
        known[before:] = [*phases_of_connecting(self._easy, route, self._began), *received]
