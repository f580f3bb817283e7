"""What is sent to follow one target, and what each response leads to: the laws of all clients.

A client knows how to send a request and how a response comes; this module decides what the request
is, whether its response is the last one, and which request follows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

import requests

from pyfetch.attempt import RedirectState
from pyfetch.http.origin_config import OriginConfig, OriginConfigs
from pyfetch.http.redirects import REDIRECTS, follow, location_of, refuse_loop, request_key
from pyfetch.http.request import UNAUTHORIZED, RequestBuilder
from pyfetch.http.response import ResponseHead
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.urls import Url, parse_url

_log = logging.getLogger(__name__)

_LEADING_ON = REDIRECTS | {UNAUTHORIZED}
"""Statuses after which another request may follow."""
_LONGEST_SHOWN = 60
"""How many characters of a field's value a message shows, at most."""
DRAIN_SIZE = 64 * 1024
"""Longest body of a redirect or an error response that is read so that the connection can be
reused, in bytes."""
DRAIN_SECONDS = 0.1
"""Longest wait for such a body, in seconds."""


class PlannedRequest(NamedTuple):
    """A request that is to be sent."""

    prepared: requests.PreparedRequest
    config: OriginConfig
    """What all requests to its origin have in common."""

    def url(self, state: RedirectState) -> Url:
        """Its URL: `requests` normalises those that are not plain."""
        text = self.prepared.url or ""
        return state.url if text == state.url.text else parse_url(text)


class Conversation:
    """Plans requests and judges responses (RFC 9110, sections 11 and 15.4); for any thread.

    Raises `UsageError` for files that the settings name and that cannot be used.
    """

    def __init__(self, settings: Settings, user_agent: str) -> None:
        self._settings = settings
        self._origins = OriginConfigs(settings, user_agent)
        self._requests = RequestBuilder(settings, self._origins)
        self.limit_rate_of = self._origins.limit_rate_of
        # An archive has bodies as they come, and those who read it decode them.
        self._warns_of_coding = not (settings.compressed or settings.archives)

    def plan(
        self, state: RedirectState, fields: Mapping[str, str], target: Target
    ) -> PlannedRequest:
        """The next request of an attempt. `fields`: those for this request alone.

        Raises `TargetError` for a URL that cannot be requested, and for a loop of redirects.
        """
        config = self._origins.of(state.url)
        prepared = self._requests.build(state, fields, target, config)
        if state.asked:
            refuse_loop(state, prepared)
        return PlannedRequest(prepared, config)

    def after(
        self, state: RedirectState, target: Target, planned: PlannedRequest, response: ResponseHead
    ) -> RedirectState | None:
        """The request that follows: a redirect, or the same one with a log-in.

        None: the response is the last one. Raises `TargetError` for a redirect that is not
        followed.
        """
        if response.status not in _LEADING_ON:
            return None
        location = location_of(response)
        if location is None and not self._requests.logs_in(state, target, response):
            return None
        request = planned.prepared
        cookies = self._requests.cookies_after(state, target, request, response)
        if location is None:
            return state._replace(cookies=cookies, logins=state.logins + 1)
        asked = state.asked | {request_key(state, request)}
        return follow(state, location, self._settings)._replace(cookies=cookies, asked=asked)

    def waits_for_turn(self, state: RedirectState, following: RedirectState) -> bool:
        """Whether the scheduler has to decide when the following request may be sent.

        It has to for one to another origin and, with `--rate`, for any.
        """
        return following.origin != state.origin or self._origins.of(following.url).is_paced

    def warn_of_coding(self, response: ResponseHead, config: OriginConfig, target: Target) -> None:
        """Warn, once a run, that a body is compressed and is saved as it is."""
        coding = response.headers.get("content-encoding")
        if not self._warns_of_coding or not coding or response.status >= 300:
            return
        names = (*config.defaults.fields, *(name for name, _ in target.headers))
        was_asked_for = any(name.lower() == "accept-encoding" for name in names)
        if coding.strip().lower() != "identity" and not was_asked_for:
            self._warns_of_coding = False
            _log.warning(
                "a server sends its files coded (Content-Encoding: %s) though that was not asked"
                " for: they are saved as they come, and --compressed decodes them",
                coding[:_LONGEST_SHOWN],
            )
