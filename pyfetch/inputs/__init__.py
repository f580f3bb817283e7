"""Lists of every kind, or the items of any iterable, become entries, lazily.

A bad record is a failed `Result` that says where it stood; it never ends the rest.
"""

from pyfetch.inputs.lines import MAX_LINE
from pyfetch.inputs.sources import Sources
from pyfetch.inputs.urls import is_url
from pyfetch.settings import InputFormat

__all__ = ["MAX_LINE", "InputFormat", "Sources", "is_url"]
