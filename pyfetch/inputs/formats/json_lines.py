"""JSON Lines: an object a line, or a string that is just a URL.

What pyfetch writes can be read again: what is null is missing, and unknown keys come through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pyfetch.inputs.record import KEYS, BadRecord, Found, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_RECORD, Content, Line, numbered_lines

_DEEPEST = 100
_URLS = ("url", "mirrors", "urls")
_KNOWN = frozenset({*KEYS, *_URLS, "headers", "size"})


def read_json_lines(content: Content) -> Iterator[Found]:
    for line in numbered_lines(content, MAX_RECORD):
        if line.too_long or line.content.strip():
            yield Found(_record(line), line.number)


def _record(line: Line) -> Record | BadRecord:
    if line.too_long:
        return BadRecord(f"longer than {MAX_RECORD} bytes")
    try:
        value = json.loads(line.content.decode())
    except UnicodeDecodeError:
        return BadRecord("not UTF-8")
    except json.JSONDecodeError as error:
        return BadRecord(f"no JSON: {error.msg} (at character {error.pos + 1})")
    except ValueError:
        return BadRecord("a number in it has too many digits")
    except RecursionError:
        return BadRecord("nested too deeply")
    if isinstance(value, str):
        return record_from_object({"url": value})
    if not isinstance(value, dict):
        return BadRecord("neither a JSON object nor a string")
    return record_from_object(value)


def record_from_object(said: Mapping[str, Any]) -> Record | BadRecord:
    """The record that an object, or any mapping with the same keys, stands for."""
    draft = RecordBuilder()
    try:
        for key in _URLS:
            draft.urls += _texts(key, said.get(key))
        if _too_deep(said):
            raise Refused("nested too deeply")
        draft.input = {key: value for key, value in said.items() if key not in _KNOWN} or None
        for key in KEYS:
            for text in _texts(key, said.get(key), many=key == "header"):
                draft.add(key, text)
        for text in _headers(said.get("headers")):
            draft.add("header", text)
        if said.get("size") is not None:
            draft.add("size", _number(said["size"]))
        return draft.record()
    except Refused as error:
        return draft.bad(error)


def _texts(key: str, value: object, *, many: bool | None = None) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if key not in _URLS and not many:
        raise Refused(f"{key} is no text")
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise Refused(f"{key} is neither a text nor a list of texts")
    return list(value)


def _headers(value: object) -> list[str]:
    if not isinstance(value, Mapping):
        return _texts("header", value, many=True)
    for name, content in value.items():
        if not isinstance(name, str) or not isinstance(content, str) or ":" in name:
            raise Refused("headers is no object whose values are texts")
    return [f"{name}: {content}" for name, content in value.items()]


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Refused("size is no number of bytes")
    return value if isinstance(value, str) else str(max(-1, min(value, 10**18)))


def _too_deep(value: object) -> bool:
    """Whether writing it again, where less of the stack is left, could fail."""
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return False
    return True


def _children(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return [*value.values()]
    return [*value] if isinstance(value, list | tuple) else []
