"""The origin of a URL: what connections, pauses and credentials belong to."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """`scheme://host:port` (RFC 6454, section 4). Raises `ValueError` where there is none."""
    parts = urlsplit(url)
    host, scheme = parts.hostname, parts.scheme.lower()
    if not host:
        raise ValueError("it names no host")
    if ":" in host:
        host = f"[{host}]"
    port = parts.port if parts.port is not None else DEFAULT_PORTS.get(scheme, "")
    if port == 0:
        raise ValueError("there is no port 0")
    return f"{scheme}://{host}:{port}"


def identity_of(url: str) -> str:
    """The URL as what owns a name: without credentials, which are secret, and fragment."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
