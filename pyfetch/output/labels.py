"""What a URL is called in a narrow space: host and path, decoded, without query."""

from __future__ import annotations

import re
from urllib.parse import unquote

from pyfetch.models import Target
from pyfetch.text import escaped

_SCHEME = r"(?i:https?://)"


def shown_url(url: str) -> str:
    """Return a URL without its scheme, which a narrow column has no room for."""
    match = re.match(_SCHEME, url)
    return url[match.end() :] if match else url


def label_of(target: Target) -> str:
    """Host and path of a target, decoded."""
    return label_of_url(f"{target.origin}{target.url.path}")


def label_of_url(url: str) -> str:
    """Host and path of a URL, decoded, without scheme, query and the scheme's own port."""
    text = shown_url(url).partition("?")[0].partition("#")[0]
    host, slash, path = text.partition("/")
    for scheme, port in (("http:", ":80"), ("https:", ":443")):
        if url.lower().startswith(scheme):
            host = host.removesuffix(port)
    return escaped(f"{host.rpartition('@')[2]}{slash}{unquote(path)}")
