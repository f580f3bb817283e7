"""Which type and size a body must have. A body that differs raises a `TargetError`."""

from __future__ import annotations

from fnmatch import fnmatchcase

from pyfetch.http.validators import media_type_of
from pyfetch.models import Failure, Length, TargetError
from pyfetch.settings import Settings
from pyfetch.units import format_size


class Expectations:
    """What the settings, the list and the other mirrors say about a body."""

    __slots__ = ("_decodes", "_expect_type", "_length", "_max_size", "_min_size")

    def __init__(self, settings: Settings, length: Length | None) -> None:
        self._expect_type = settings.expect_type
        self._min_size = settings.min_size
        self._max_size = settings.max_size
        self._decodes = settings.compressed
        self._length = length

    def check_type(self, content_type: str | None) -> None:
        """Check a `Content-Type` (RFC 9110, section 8.3) against `--expect-type`."""
        if not self._expect_type:
            return
        found = media_type_of(content_type)
        if not any(fnmatchcase(found, pattern.lower()) for pattern in self._expect_type):
            kind = f"of the type {found}" if found else "of no type"
            expected = " or ".join(self._expect_type)
            raise _unwanted(f"it is {kind}, not {expected} (--expect-type)")

    @property
    def of_type(self) -> bool:
        """Whether a certain media type is expected."""
        return bool(self._expect_type)

    def allow(self, size: int, media_type: str | None, coding: str | None = None) -> bool:
        """Whether an existing file meets the expectations.

        `media_type`: None if not known. `coding`: the content coding in which it was saved.
        """
        if coding and self._decodes:
            return False
        try:
            self.check_not_too_large(size)
            self.check_whole_size(size)
            if media_type is not None:
                self.check_type(media_type)
        except TargetError:
            return False
        return True

    def check_whole_size(self, size: int) -> None:
        """Check the size of the whole body, announced or received, in bytes."""
        if size < self._min_size:
            raise _unwanted(f"{size} bytes are less than the {self._min_size} of --min-size")
        expected = self._length
        if expected and size != expected.size:
            raise _unwanted(f"{size} bytes, where {expected.said_by} says {expected.size}")

    def check_not_too_large(self, size: int) -> None:
        """Check the number of bytes received so far, or announced."""
        if self._max_size is not None and size > self._max_size:
            detail = f"larger than the {format_size(self._max_size)} of --max-size"
            raise TargetError(Failure.TOO_LARGE, detail)


def _unwanted(detail: str) -> TargetError:
    return TargetError(Failure.WRONG_CONTENT, detail)
