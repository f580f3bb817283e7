"""One attempt at one target → one `Attempt`. No failure of a target leaves it as an exception."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from pyfetch import __version__
from pyfetch.errors import RunError
from pyfetch.model import Failure, IfExists, Outcome, Result, Settings, Target, TargetError
from pyfetch.part import Part, existing_size
from pyfetch.retry import parse_retry_after
from pyfetch.transfer import Transfer
from pyfetch.transport import Head, Transport
from pyfetch.units import format_size

USER_AGENT = f"pyfetch/{__version__}"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended."""

    result: Result
    """What becomes of the target unless it is tried again."""
    origin: str | None = None
    """Who answered; None if nobody did."""
    retry_after: float | None = None
    """How long the answer asks to wait before the next request, in seconds."""


class Fetch:
    """Fetches targets, from any number of threads; each has connections of its own."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._of_thread = threading.local()

    def __call__(self, target: Target, transfer: Transfer) -> Attempt:
        """Make one attempt. Raises only `RunError`, where the whole run has to stop."""
        receiver = None
        try:
            skipped = self._decided_by_what_is_there(target, transfer)
            if skipped:
                return Attempt(skipped)
            part = self._part(target)
            receiver = _Saver(self._settings, part)
            with part or nullcontext():
                self._transport().get(target.url, {}, transfer, receiver)
                receiver.finish(transfer)
            return Attempt(self._result(target, transfer, receiver, Outcome.FETCHED))
        except TargetError as error:
            return self._failed(target, transfer, receiver, error)
        except RunError:
            raise
        except Exception as error:
            _log.debug("unexpected error for %s", target.url, exc_info=True)
            detail = f"unexpected {type(error).__name__}: {error} (please report it)"
            return self._failed(target, transfer, receiver, TargetError(Failure.INTERNAL, detail))

    def _transport(self) -> Transport:
        transport: Transport | None = getattr(self._of_thread, "transport", None)
        if transport is None:
            transport = self._of_thread.transport = Transport(self._settings, USER_AGENT)
        return transport

    def _part(self, target: Target) -> Part | None:
        if target.path is None:
            return None
        return Part(Path(self._settings.output_dir), target.path)

    def _shown_path(self, target: Target) -> str | None:
        return None if target.path is None else str(Path(self._settings.output_dir, target.path))

    def _decided_by_what_is_there(self, target: Target, transfer: Transfer) -> Result | None:
        """The result if no request is needed. Raises `TargetError` if there may be none."""
        if target.path is None:
            return None
        final = Path(self._settings.output_dir, target.path)
        size = existing_size(final)
        if size is None or self._settings.if_exists is IfExists.REPLACE:
            return None
        if self._settings.if_exists is IfExists.SKIP:
            return Result(
                index=target.index,
                url=target.url,
                outcome=Outcome.SKIPPED,
                size=size,
                path=str(final),
                elapsed=self._clock() - transfer.started,
            )
        raise TargetError(Failure.EXISTS, f"{final} is there")

    def _failed(
        self, target: Target, transfer: Transfer, receiver: _Saver | None, error: TargetError
    ) -> Attempt:
        result = self._result(target, transfer, receiver, Outcome.FAILED, error)
        if receiver is None or receiver.answer is None:
            return Attempt(result)
        asked = parse_retry_after(receiver.answer.headers.get("Retry-After"))
        return Attempt(result, receiver.answer.origin, asked)

    def _result(
        self,
        target: Target,
        transfer: Transfer,
        receiver: _Saver | None,
        outcome: Outcome,
        error: TargetError | None = None,
    ) -> Result:
        head = receiver.answer if receiver else None
        came = receiver if outcome is Outcome.FETCHED else None
        return Result(
            index=target.index,
            url=target.url,
            outcome=outcome,
            final_url=head.url if head else None,
            status=head.status if head else None,
            size=transfer.received if came else None,
            path=self._shown_path(target) if came else None,
            error=error.failure if error else None,
            detail=error.detail if error else None,
            attempts=transfer.attempt if receiver else transfer.attempt - 1,
            elapsed=self._clock() - transfer.started,
            content_type=head.headers.get("Content-Type") if head else None,
            etag=head.headers.get("ETag") if head else None,
            last_modified=head.headers.get("Last-Modified") if head else None,
            sha256=came.digest.hexdigest() if came else None,
        )


class _Saver:
    """The receiver of a body that is wanted whole: hashes it, and writes it if there is a part."""

    def __init__(self, settings: Settings, part: Part | None) -> None:
        self._settings = settings
        self._part = part
        self._size = 0
        self.answer: Head | None = None
        self.digest = hashlib.sha256()

    def head(self, head: Head) -> bool:
        self.answer = head
        if not (200 <= head.status < 300 and head.status != 206):
            return False
        if head.length is not None:
            self._refuse_larger_than_wanted(head.length)
        if self._part:
            self._part.open()
        return True

    def chunk(self, data: bytes) -> None:
        self._size += len(data)
        self._refuse_larger_than_wanted(self._size)
        self.digest.update(data)
        if self._part:
            self._part.write(data)

    def finish(self, transfer: Transfer) -> None:
        """Give what has come its final name. Raises `TargetError` if it is not what was wanted."""
        head = self.answer
        assert head is not None, "a transport that returns has called head()"  # noqa: S101
        if head.status >= 400:
            raise TargetError(Failure.HTTP, f"{head.status} {head.reason}".rstrip())
        if not 200 <= head.status < 300:
            detail = f"the answer {head.status} {head.reason}".rstrip() + " brings no content"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        if head.status == 206:
            detail = "the answer is 206 Partial Content, though the whole was asked for"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        if self._part:
            transfer.check()
            self._part.commit(self._settings.if_exists, _modified(head))

    def _refuse_larger_than_wanted(self, size: int) -> None:
        limit = self._settings.max_size
        if limit is not None and size > limit:
            raise TargetError(
                Failure.TOO_LARGE, f"larger than the {format_size(limit)} of --max-size"
            )


def _modified(head: Head) -> float | None:
    """When the content was last changed, in seconds since the epoch (RFC 9110, section 8.8.2)."""
    try:
        return max(0.0, parsedate_to_datetime(head.headers.get("Last-Modified", "")).timestamp())
    except (ValueError, OverflowError):
        return None
