"""Batch downloader: a list of URLs in, whole files and ordered results out.

`fetch_all` is the same for Python programs as the command `pyfetch` is for the shell.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyfetch.api import Batch as Batch
    from pyfetch.api import Item as Item
    from pyfetch.api import fetch as fetch
    from pyfetch.api import fetch_all as fetch_all
    from pyfetch.errors import RunError as RunError
    from pyfetch.errors import UsageError as UsageError
    from pyfetch.models import Failure as Failure
    from pyfetch.models import FetchError as FetchError
    from pyfetch.models import Outcome as Outcome
    from pyfetch.models import Result as Result
    from pyfetch.progress import Progress as Progress
    from pyfetch.settings import Settings as Settings

__version__ = "0.1.0"
__all__ = [
    "Batch", "Failure", "FetchError", "Item", "Outcome", "Progress", "Result", "RunError",
    "Settings", "UsageError", "__version__", "fetch", "fetch_all",
]  # fmt: skip

_HOME = {
    "Batch": "pyfetch.api",
    "Item": "pyfetch.api",
    "fetch": "pyfetch.api",
    "fetch_all": "pyfetch.api",
    "RunError": "pyfetch.errors",
    "UsageError": "pyfetch.errors",
    "Failure": "pyfetch.models",
    "FetchError": "pyfetch.models",
    "Outcome": "pyfetch.models",
    "Result": "pyfetch.models",
    "Progress": "pyfetch.progress",
    "Settings": "pyfetch.settings",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: `pyfetch --version` needs none of it.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
