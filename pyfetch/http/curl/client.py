"""HTTP client over libcurl: makes GETs in one thread, and pushes each response to a `Receiver`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from heapq import heappop, heappush

import pycurl

from pyfetch.attempt import RedirectState
from pyfetch.errors import UsageError
from pyfetch.http import trace
from pyfetch.http.body import Bandwidth
from pyfetch.http.client import MAX_IDLE, Receiver
from pyfetch.http.conversation import Conversation
from pyfetch.http.curl.alternatives import Http3Offers
from pyfetch.http.curl.flight import Flight, OnEnd
from pyfetch.http.curl.handle import Handle
from pyfetch.http.curl.head_lines import HeadLines
from pyfetch.http.curl.helpers import Helpers
from pyfetch.http.curl.multi import EndedHandle, Multi
from pyfetch.http.curl.open_connections import OpenConnections
from pyfetch.http.curl.options import Options
from pyfetch.http.curl.used_connection import UsedConnection
from pyfetch.http.origin_config import OriginConfig
from pyfetch.http.route import Route
from pyfetch.http.tls import Trust
from pyfetch.models import Failure, TargetError
from pyfetch.settings import HttpVersion, Settings
from pyfetch.system import daemon, descriptor_budget
from pyfetch.transfer import Transfer

_LOOK_EVERY = 0.1
"""Seconds between two looks at how far the flights in flight have come."""
_LONGEST_CLOSE = 0.3
"""Seconds that closing may take before it is left to a thread."""
_FEW = 32
"""Up to so many flights, all are looked at whenever something has come."""
_AT_ONCE = 8
"""Transfers that have ended are dealt with so many at a time, before those that follow are sent."""
_SPARE_HANDLES = 64
"""Handles that are kept for routes that no request uses, at most."""


class CurlClient:
    """Sends GETs for the thread that calls it; `post` and `wake` are for any thread.

    Raises `UsageError` for files that the settings name and that cannot be used.
    """

    def __init__(
        self, settings: Settings, user_agent: str, bandwidth: Bandwidth | None = None
    ) -> None:
        self._limits = (bandwidth,) if bandwidth else ()
        self.has_limits = bool(bandwidth) or any(own.limit_rate for _, own in settings.hosts)
        """Whether `limits_of` returns any, for any origin."""
        has_http_3 = pycurl.version_info()[4] & pycurl.VERSION_HTTP3
        if settings.http is HttpVersion.THREE and not has_http_3:
            raise UsageError("--http 3: the libcurl that pycurl has here was built without it")
        self.conversation = Conversation(settings, user_agent)
        Trust(settings)  # raises an error for a file that cannot be used
        self.options = Options(settings)
        self.judge: Callable[[str], str | None] | None = None
        if settings.public_only:
            from pyfetch.http.public_addresses import why_not_public

            self.judge = why_not_public
        self.connect_timeout = settings.connect_timeout
        self.family = "--ipv4" if settings.ipv4 else "--ipv6" if settings.ipv6 else ""
        """The only kind of addresses that are wanted, as an option; empty: any."""
        workers = settings.most_workers
        budget = descriptor_budget(workers, max(2 * workers, MAX_IDLE))
        self._multi = Multi(budget.idle_connections + workers, settings.connections_per_host or 0)
        self._flights: dict[pycurl.Curl, tuple[Flight, Handle]] = {}
        self.logs = trace.is_on()
        """Whether what happens is logged; seen before each wait."""
        self.connections = OpenConnections()
        self.offers = Http3Offers() if has_http_3 and settings.http is HttpVersion.AUTO else None
        self._free: dict[Route | None, list[Handle]] = {}
        self._number_free = 0
        self._look_at = math.inf
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timers_made = 0
        self.post = self._multi.post
        self.helpers = Helpers(self.post, workers)
        self.wake = self._multi.wake
        self.after_this_call = self._multi.after_this_call
        self.before_a_socket_is_opened = self._multi.before_a_socket_is_opened

    @property
    def in_flight(self) -> int:
        """Exchanges that libcurl has."""
        return len(self._flights)

    def start(
        self,
        state: RedirectState,
        fields: Mapping[str, str],
        transfer: Transfer,
        receiver: Receiver,
        on_end: OnEnd,
        *,
        head_blocks: bool = False,
    ) -> None:
        """Begin a GET, as `Client.get` makes it. `on_end` is called by `wait`, or by this.

        `head_blocks`: whether `receiver.head` may take long.
        """
        flight = Flight(self, state, fields, transfer, receiver, on_end, head_blocks=head_blocks)
        try:
            transfer.call_at_stop(flight.interrupt)
            flight.send()
        except BaseException as error:
            flight.give_up(error)

    def wait(
        self, seconds: float, is_wanted: Callable[[], bool], go_on: Callable[[], None]
    ) -> None:
        """Move all GETs on; see `Multi.wait`. `go_on` is called whenever several have ended."""
        self.logs = trace.is_on()
        due = min(self._look_at, self._timers[0][0]) if self._timers else self._look_at
        ended = self._multi.wait(min(seconds, due - time.monotonic()), is_wanted)
        later: list[EndedHandle] = []
        for number, one in enumerate(ended, 1):
            self._end(*one)
            if number % _AT_ONCE == 0:
                go_on()
                later += self._multi.begin_added()
        for one in later:
            self._end(*one)
        if len(self._flights) <= _FEW:
            self._see_heads()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heappop(self._timers)[2]()
        if now >= self._look_at:
            self._look(now)
        go_on()

    def _end(self, easy: pycurl.Curl, code: int, text: str) -> None:
        flight, _ = self._flights[easy]
        flight.end(code, text)

    def _see_heads(self) -> None:
        """Judge heads whose bodies have not begun, without waiting for the next look."""
        waiting = [
            flight
            for flight, handle in self._flights.values()
            if handle.heads.lines and flight.waits_for_head
        ]
        for flight in waiting:
            why = flight.see_head()
            if why:
                flight.give_up(why)

    def call_at(self, due: float, call: Callable[[], None]) -> None:
        """Have `wait` call this at a time of the monotonic clock; for the thread of the loop."""
        self._timers_made += 1
        heappush(self._timers, (due, self._timers_made, call))

    def limits_of(self, config: OriginConfig) -> tuple[Bandwidth, ...]:
        """What a body has to keep to: the limit of its host first, then that of all."""
        return (config.bandwidth, *self._limits) if config.bandwidth else self._limits

    def limit_rate_of(self, origin: str, rate: int) -> None:
        """Let all transfers from this host together receive so many bytes a second."""
        self.conversation.limit_rate_of(origin, rate)

    def _look(self, now: float) -> None:
        for flight, _ in list(self._flights.values()):
            why = flight.look(now)
            if why:
                flight.give_up(why)
        self._look_at = now + _LOOK_EVERY if self._flights else math.inf

    def stop(self, flight: Flight) -> None:
        """End a flight whose transfer was stopped."""
        try:
            flight.transfer.check()
        except TargetError as error:
            if any(flight is one for one, _ in self._flights.values()):
                flight.give_up(error)

    def close_idle(self) -> None:
        """Close connections that no request uses, as soon as libcurl does; for any thread."""
        self.post(self._multi.keep_fewer)

    def give_up_all(self) -> None:
        """End what is in flight."""
        gone = TargetError(Failure.CANCELLED, "the run has ended")
        for flight, _ in list(self._flights.values()):
            flight.give_up(gone)

    def close(self) -> None:
        """Close all connections, or have that done later. Nothing may be in flight."""
        for handles in self._free.values():
            for handle in handles:
                handle.easy.close()
        self._free.clear()
        # libcurl waits for its look-ups of names, though nobody needs them, and one may hang.
        closing = daemon(self._multi.close, "closing")
        closing.start()
        closing.join(_LONGEST_CLOSE)

    # What flights call.

    def take_handle(self, route: Route) -> Handle:
        """A handle that nobody uses, if possible one that has the options of this route."""
        handles = self._free.get(route)
        if not handles:
            if self._number_free < _SPARE_HANDLES:
                heads = HeadLines()
                return Handle(UsedConnection(self, heads), heads)
            handles = self._free[next(iter(self._free))]
        handle = handles.pop()
        self._number_free -= 1
        if not handles:
            del self._free[handle.route]
        return handle

    def begin(self, flight: Flight, handle: Handle) -> None:
        """Let libcurl begin a flight with a handle that was prepared for it."""
        self._flights[handle.easy] = flight, handle
        self._multi.add(handle.easy)
        if self._look_at == math.inf:
            self._look_at = time.monotonic() + _LOOK_EVERY

    def release(self, _flight: Flight, handle: Handle) -> None:
        """Take a handle back."""
        if self._flights.pop(handle.easy, None):
            self._multi.remove(handle.easy)
        self._free.setdefault(handle.route, []).append(handle)
        self._number_free += 1
