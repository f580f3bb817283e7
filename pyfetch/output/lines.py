"""Results as lines for scripts: TSV and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import TextIO

from pyfetch.models import Result
from pyfetch.text import escaped

_KEYS = [field.name for field in fields(Result)]


class Tsv:
    """`status`, `size`, `url`, `path`, `error`, separated by tabs; `-` for what is missing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, result: Result) -> None:
        values = (result.status, result.size, result.url, result.path, result.error)
        fields = ["-" if v is None or v == "" else escaped(str(v)) for v in values]
        self._stream.write("\t".join(fields) + "\n")


class JsonLines:
    """One JSON object a line (RFC 8259), every key of `Result` present."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, result: Result) -> None:
        values = {key: getattr(result, key) for key in _KEYS}
        values["elapsed"] = round(result.elapsed, 6)
        self._stream.write(json.dumps(values) + "\n")


class FailureLines:
    """A line for each failure and nothing else: what a cron job's mail should hold."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def show(self, result: Result) -> None:
        if result.failed:
            self._say(f"pyfetch: failed: {result.url}: {result.error}: {result.detail}")
