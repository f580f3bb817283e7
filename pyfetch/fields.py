"""The fields of a message (RFC 9110, section 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, overload

_T = TypeVar("_T")


class Fields(Mapping[str, str]):
    """Values by name, in any case; of a field that comes again, all in a list (section 5.3)."""

    __slots__ = ("_by_name", "_lines")

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        """From each line its name, in lower case, and its value."""
        self._lines = lines
        self._by_name = by_name = dict(lines)
        if len(by_name) < len(lines):
            by_name.clear()
            for name, value in lines:
                by_name[name] = f"{by_name[name]}, {value}" if name in by_name else value

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    # Not by way of a KeyError, as Mapping has it: most fields are not there.
    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str | _T) -> str | _T: ...
    def get(self, name: str, default: str | _T | None = None) -> str | _T | None:
        return self._by_name.get(name.lower(), default)

    def get_all(self, name: str, default: _T | None = None) -> list[str] | _T | None:
        """The values of one name one by one, as they came: some are no list (`Set-Cookie`)."""
        name = name.lower()
        return [value for key, value in self._lines if key == name] or default

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)
