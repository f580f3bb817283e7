"""What has failed while a pack was filled: it stands in a file beside the pack."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

from pyfetch.models import Result

_IN_MEMORY = 1024 * 1024


class PackFailures:
    """Failures since the last pack was sealed. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: IO[bytes] | None = None

    def add(self, result: Result) -> None:
        """Take note of a failed result."""
        known = {
            "url": result.url,
            "error": result.error,
            "detail": result.detail,
            "status": result.status,
            "input": result.input,
        }
        said = {name: value for name, value in known.items() if value is not None}
        line = json.dumps(said, default=str).encode()
        with self._lock:
            if self._lines is None:
                self._lines = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
            self._lines.write(line + b"\n")

    def taken(self) -> list[object]:
        """Those that were added since the last call."""
        with self._lock:
            lines, self._lines = self._lines, None
        return [*_values(lines)] if lines else []

    def close(self) -> None:
        """Forget them."""
        self.taken()


def _values(lines: IO[bytes]) -> Iterator[object]:
    with lines:
        lines.seek(0)
        for line in lines:
            yield json.loads(line)
