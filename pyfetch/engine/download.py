"""Makes attempts. If a target fails, that is an outcome, not an exception."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

from pyfetch import __version__
from pyfetch.attempt import AttemptOutcome, Finished, NotMade, RedirectState
from pyfetch.engine.attempt_report import AttemptReport
from pyfetch.engine.base import check_engine
from pyfetch.engine.download_attempt import Download, Get, NeedsAnotherRequest, Step
from pyfetch.errors import RunError
from pyfetch.http.body import Bandwidth
from pyfetch.http.client import Client
from pyfetch.models import Failure, Target, TargetError
from pyfetch.settings import Engine, Settings
from pyfetch.system import is_out_of_resources
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where files are kept only, or where libcurl fetches
    from pyfetch.http.curl.client import CurlClient
    from pyfetch.storage.filesystem import DirectoryIdentity
    from pyfetch.storage.ledger import Rename
    from pyfetch.storage.store import Store

USER_AGENT = f"pyfetch/{__version__}"

_log = logging.getLogger(__name__)


class Downloader:
    """Makes attempts; for any number of threads, which share connections.

    `directory`: what the output directory must be, if that is known. Raises `UsageError` for
    files that the settings name and that cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        directory: DirectoryIdentity | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._bandwidth = Bandwidth(settings.limit_rate) if settings.limit_rate else None
        self.client = _new_client(settings, self._bandwidth)
        self.store: Store | None = None
        """Where bodies go; None: no file is kept."""
        self.rename: Rename | None = None
        """Called for each answer that names its file; None if servers must not name files."""
        self._begin: Callable[[AttemptReport, Transfer], Download]
        if settings.discard:
            self._begin = partial(Download, settings=settings)
        else:
            self._begin = self._into(directory)

    def __call__(self, target: Target, transfer: Transfer) -> AttemptOutcome:
        """Make one attempt. Raises nothing but a `RunError`, if the whole run has to stop."""
        steps = self.steps(target, transfer)
        assert isinstance(self.client, Client)  # noqa: S101 - else a loop drives the steps
        get = self.client.get
        try:
            step = next(steps)
            while True:
                if not isinstance(step, Get):
                    step = next(steps)
                    continue
                try:
                    onward = get(step.state, step.fields, transfer, step.receiver)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(onward)
        except StopIteration as ended:
            outcome: AttemptOutcome = ended.value
            return outcome

    def steps(
        self, target: Target, transfer: Transfer
    ) -> Generator[Step, RedirectState | None, AttemptOutcome]:
        """One attempt as steps, for whoever makes its requests. Raises as `__call__` does."""
        download = self._begin(AttemptReport(target, transfer, self._clock), transfer)
        try:
            return (yield from download.steps())
        except TargetError as error:
            failed = download.report.failed(error)
            return self._not_made(failed) if is_out_of_resources(error) else failed
        except NeedsAnotherRequest as error:
            return download.report.goes_on(error.redirects)
        except RunError:
            raise
        except Exception as error:
            if is_out_of_resources(error):
                detail = f"this machine is short of memory or threads ({error})"
                return self._not_made(download.report.failed(TargetError(Failure.CONNECT, detail)))
            _log.debug("unexpected error for %s", target.url, exc_info=True)
            detail = f"unexpected {type(error).__name__}: {error} (please report it)"
            unwritable = _why_unwritable(target) if isinstance(error, UnicodeEncodeError) else None
            if unwritable:
                return download.report.failed(unwritable)
            return download.report.failed(TargetError(Failure.INTERNAL, detail))
        finally:
            transfer.end()

    def limit_rate(self, rate: int) -> None:
        """Let all transfers together receive so many bytes a second, where there is a limit."""
        if self._bandwidth:
            self._bandwidth.change_to(rate)

    def limit_rate_of(self, origin: str, rate: int) -> None:
        """Let all transfers from this host together receive so many bytes a second."""
        self.client.limit_rate_of(origin, rate)

    def _into(
        self, known: DirectoryIdentity | None
    ) -> Callable[[AttemptReport, Transfer], Download]:
        """Attempts whose files are kept."""
        from pyfetch.engine.download_to_file import FileDownload
        from pyfetch.storage.destination import store_of

        settings = self._settings
        store = self.store = store_of(settings, known)
        return lambda report, transfer: FileDownload(report, transfer, settings, store, self.rename)

    def _not_made(self, failed: Finished) -> NotMade:
        self.client.close_idle()
        return NotMade(failed)


def _new_client(settings: Settings, bandwidth: Bandwidth | None) -> Client | CurlClient:
    if settings.engine is Engine.CURL:
        check_engine(settings)
        from pyfetch.http.curl.client import CurlClient

        return CurlClient(settings, USER_AGENT, bandwidth)
    return Client(settings, USER_AGENT, bandwidth)


def _why_unwritable(target: Target) -> TargetError | None:
    """Why the locale of a program that uses the library cannot write a target's name, if so."""
    try:
        os.fsencode(target.path or "")
    except UnicodeEncodeError:
        detail = (
            f"the locale ({sys.getfilesystemencoding()}) has no characters for the name"
            f" {target.path!a}: run Python in UTF-8 mode (PYTHONUTF8=1)"
        )
        return TargetError(Failure.DISK, detail)
    return None
