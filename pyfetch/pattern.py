"""Regular expressions that are compiled when they are first used, not when a module is loaded.

Most runs need few of them, and to compile all of them takes longer than to fetch a small file.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Pattern:
    """Like the pattern that it becomes; for any thread."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Called for what is not there yet: afterwards, the pattern's own methods are.
        method = getattr(re.compile(self._text, self._flags), name)
        self.__dict__[name] = method
        return method


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """The same as `re.compile`, but later."""
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))
