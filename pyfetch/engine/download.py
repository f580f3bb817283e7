"""Makes attempts. If a target fails, that is an outcome, not an exception."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pyfetch import __version__
from pyfetch.attempt import AttemptOutcome, Finished, NotMade
from pyfetch.engine.download_attempt import Download, NeedsAnotherRequest
from pyfetch.errors import RunError
from pyfetch.http.body import Bandwidth
from pyfetch.http.client import Client
from pyfetch.models import Failure, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import DirectoryIdentity
from pyfetch.storage.ledger import Rename
from pyfetch.storage.parts import Parts
from pyfetch.system import is_out_of_resources
from pyfetch.transfer import Transfer

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
        bandwidth = Bandwidth(settings.limit_rate) if settings.limit_rate else None
        self._client = Client(settings, USER_AGENT, bandwidth)
        self.directory = OutputDirectory(Path(settings.output_dir), directory)
        self._parts = Parts(self.directory, settings.min_free)
        self.rename: Rename | None = None
        """Called for each answer that names its file; None if servers must not name files."""

    def __call__(self, target: Target, transfer: Transfer) -> AttemptOutcome:
        """Make one attempt. Raises nothing but a `RunError`, if the whole run has to stop."""
        download = Download(target, transfer, self._settings, self._clock, self._parts, self.rename)
        try:
            return download.make(self._client)
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

    def _not_made(self, failed: Finished) -> NotMade:
        self._client.close_idle()
        return NotMade(failed)


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
