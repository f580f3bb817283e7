"""JSON Lines: each line is an object, or a string that is a URL.

pyfetch's own results are such a list: a null value counts as missing, and unknown keys become
`input`. `json_line` writes any record as a line that is read as the same record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pyfetch.inputs.columns import BY_NAME, URL, Columns
from pyfetch.inputs.record import KEYS, BadRecord, NumberedRecord, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_RECORD, Content, Line, numbered_lines
from pyfetch.naming.list_columns import value_at
from pyfetch.text import masked

_DEEPEST = 100
_SHOWN = 200
_URLS = (URL, "mirrors", "urls")
_INPUT = "passed-through"
"""Key for an object with all of `input`, if one of its keys would be taken for a known one."""
_INVALID = "invalid-record"
"""Key that makes an object a bad record; its value says why the record cannot be used."""
_TEXT = "record"
"""Key, in a bad record, for the text of the record in its list."""
_KNOWN = frozenset({*KEYS, *_URLS, "headers", "size", _INPUT, _INVALID})


def read_json_lines(content: Content, columns: Columns = BY_NAME) -> Iterator[NumberedRecord]:
    """Yield a record for each line that is not blank."""
    for line in numbered_lines(content, MAX_RECORD):
        if line.too_long or line.content.strip():
            yield NumberedRecord(
                _record(line, columns), line.number, None if line.too_long else line.content
            )


def _record(line: Line, columns: Columns) -> Record | BadRecord:
    if line.too_long:
        return BadRecord(f"longer than {MAX_RECORD} bytes")
    return record_from_json(line.content, columns)


def record_from_json(text: bytes, columns: Columns = BY_NAME) -> Record | BadRecord:
    """Return the record for a JSON string, which is a URL, or for an object."""
    try:
        value = json.loads(text.decode())
    except UnicodeDecodeError:
        return BadRecord("not UTF-8")
    except json.JSONDecodeError as error:
        return BadRecord(f"no JSON: {error.msg} (at character {error.pos + 1})")
    except ValueError:
        return BadRecord("a number in it has too many digits")
    except RecursionError:
        return BadRecord("nested too deeply")
    if isinstance(value, str):
        return record_from_object({URL: value})
    if not isinstance(value, dict):
        return BadRecord("neither a JSON object nor a string")
    try:
        return record_from_object(_with_url(value, columns.url))
    except Refused as error:
        return BadRecord(str(error), input=value)


def record_from_object(said: Mapping[str, Any]) -> Record | BadRecord:
    """Return the record for an object, or for any mapping with the same keys."""
    builder = RecordBuilder()
    if isinstance(said.get(_INVALID), str):
        url, passed = said.get("url"), said.get(_INPUT)
        return BadRecord(
            said[_INVALID],
            url if isinstance(url, str) else "",
            passed if isinstance(passed, Mapping) else None,
        )
    try:
        for key in _URLS:
            builder.urls += _texts(key, said.get(key))
        if _too_deep(said):
            raise Refused("nested too deeply")
        builder.input = {key: value for key, value in said.items() if key not in _KNOWN} or None
        if isinstance(said.get(_INPUT), Mapping):
            builder.input = {**(builder.input or {}), **said[_INPUT]}
        for key in KEYS:
            for text in _texts(key, said.get(key), many=key == "header"):
                builder.add(key, text)
        for text in _headers(said.get("headers")):
            builder.add("header", text)
        if said.get("size") is not None:
            builder.add("size", _number(said["size"]))
        return builder.record()
    except Refused as error:
        return builder.bad(error)


def json_line(
    record: Record | BadRecord, raw: bytes | None = None, columns: Columns = BY_NAME
) -> bytes:
    """Return a line that is read as the same record. `raw`: the text of a bad record."""
    if isinstance(record, BadRecord):
        said: dict[str, Any] = {_INVALID: record.detail, "url": record.url}
        if raw is not None:
            said[_TEXT] = raw.decode(errors="backslashreplace")
        return json.dumps(said | ({_INPUT: record.input} if record.input else {})).encode()
    url, *mirrors = record.urls
    said = {columns.of_url: url}
    if mirrors:
        said["mirrors"] = mirrors
    if record.out is not None:
        said["out"] = record.out
    if record.checksum:
        said[record.checksum.algorithm] = record.checksum.digest
    if record.size is not None:
        said["size"] = record.size
    if record.headers:
        said["header"] = [f"{name}: {value}" for name, value in record.headers]
    passed = record.input or {}
    said |= {_INPUT: passed} if (_KNOWN | {columns.of_url}) & passed.keys() else passed
    return json.dumps(said).encode()


def _with_url(said: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    """The same object with its URL under the key `url`, as the user has named it otherwise.

    Raises `Refused` where there is none.
    """
    if name is None or name == URL or _INVALID in said:
        return said
    others = {key: value for key, value in said.items() if key != name}
    passed = others.get(_INPUT)
    if URL in others:
        passed = {URL: others[URL], **(passed if isinstance(passed, Mapping) else {})}
    return {**others, URL: _urls_at(said, name), _INPUT: passed}


def _urls_at(said: Mapping[str, Any], name: str) -> list[str]:
    value = value_at(said, name)
    if value is None and name not in said:
        known = masked(", ".join(map(repr, said)))[:_SHOWN]
        raise Refused(f"it has no key {name!r}, but only: {known or 'none'}")
    urls = _texts(name, value, many=True)
    if len(urls) > 1 and name not in _URLS:
        raise Refused(f"{name} is a list of {len(urls)} texts, where one URL is needed")
    return urls


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
            raise Refused("headers must be an object whose values are texts")
    return [f"{name}: {content}" for name, content in value.items()]


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Refused("size must be a number of bytes")
    return value if isinstance(value, str) else str(max(-1, min(value, 10**18)))


def _too_deep(value: object) -> bool:
    """Whether a value is nested so deeply that writing it may exceed the recursion limit."""
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
