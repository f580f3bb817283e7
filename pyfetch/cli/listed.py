"""What the command line says of the list: where it is and how it is to be read."""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.inputs import Sources
from pyfetch.settings import InputFormat


class Listed(NamedTuple):
    """The SOURCE arguments, and how they are to be read."""

    arguments: tuple[str, ...]
    input_format: InputFormat = InputFormat.AUTO
    skip_duplicates: bool = False

    def sources(self, *, keep_lines: bool = False) -> Sources:
        """Their entries. Raises `UsageError`."""
        return Sources(
            self.arguments,
            keep_lines=keep_lines,
            input_format=self.input_format,
            skip_duplicates=self.skip_duplicates,
        )
