"""Results as lines for scripts: TSV and JSON Lines."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from pyfetch.models import Result
from pyfetch.output.summary import reason_of
from pyfetch.text import escaped, on_one_line

_KEYS = [{"file": "path", "backup_file": "backup"}.get(field, field) for field in Result._fields]


def value_text(result: Result) -> str:
    """What a function has returned: text as it is, anything else as in JSON; `-` for nothing."""
    value = result.value
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Tsv:
    """TSV: `status`, `size`, `url`, `path`, `error`, `detail`; `-` for a missing value.

    `values`: whether there is a column `value` behind them, in a run with a function.
    """

    def __init__(self, stream: TextIO, *, values: bool = False) -> None:
        self._stream = stream
        self._values = values

    def show(self, result: Result) -> None:
        values = (
            result.status, result.size, result.url, result.file, result.error,
            result.detail and on_one_line(result.detail),
        )  # fmt: skip
        cells = ["-" if v is None or v == "" else escaped(str(v)) for v in values]
        if self._values:
            cells.append(escaped(value_text(result)) or "-")
        self._stream.write("\t".join(cells) + "\n")


def as_object(result: Result) -> dict[str, Any]:
    """What JSON Lines say of a result, always with all keys of `Result`."""
    values = dict(zip(_KEYS, result, strict=True))
    values["elapsed"] = round(result.elapsed, 6)
    timing = result.timing
    code = result.error if result.error and result.error.of_transfer else None
    values["timing"] = timing and timing.as_object(code, result.status)
    return values


class JsonLines:
    """JSON Lines (RFC 8259): an object for each result."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, result: Result) -> None:
        values = as_object(result)
        try:
            text = json.dumps(values, allow_nan=False)
        except ValueError:  # what the list says has a number that JSON does not know
            text = json.dumps(_finite(values), allow_nan=False)
        self._stream.write(text + "\n")


def _finite(value: Any) -> Any:
    """Return the same value with null for each number that is not finite, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


class FailureLines:
    """A line for each failure and nothing else, as cron's mail should have it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def show(self, result: Result) -> None:
        if result.failed:
            self._say(f"pyfetch: failed: {result.url}: {reason_of(result)}")
