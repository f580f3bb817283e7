"""What `--version -v` says: which engines are there, and which protocols they speak."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec


def versions() -> Iterator[str]:
    """Lines about Python and the engines."""
    yield f"Python {sys.version.split()[0]}"
    yield f"engine threads: requests {_of('requests')}, urllib3 {_of('urllib3')}; HTTP/1.1"
    if find_spec("pycurl") is None:
        yield "engine curl: not installed (pip install 'pyfetch-batch[curl]')"
        return
    from pyfetch.http.curl.versions import protocols, releases

    yield f"engine curl: {releases()}; {', '.join(protocols())}"


def _of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "of unknown version"
