"""Reads lists, of any format, and makes targets of their records, lazily.

`formats/` has a module for each list format, `detect` chooses one, `sources` opens the input.
May import: the values of `pyfetch` itself, `settings` and `naming`.
"""

from pyfetch.inputs.sources import Sources
from pyfetch.inputs.stream import MAX_LINE
from pyfetch.settings import InputFormat
from pyfetch.urls import is_url

__all__ = ["MAX_LINE", "InputFormat", "Sources", "is_url"]
