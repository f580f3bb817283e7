"""Which libcurl there is, and what it was built with."""

from collections.abc import Iterator

import pycurl

_PARTS = ("PycURL", "libcurl", "OpenSSL", "LibreSSL", "GnuTLS", "nghttp2", "nghttp3")


def releases() -> str:
    """The releases of pycurl, libcurl and its libraries."""
    return ", ".join(
        part.replace("/", " ") for part in pycurl.version.split() if part.startswith(_PARTS)
    )


def protocols() -> Iterator[str]:
    """The versions of HTTP that it speaks."""
    features = pycurl.version_info()[4]
    yield "HTTP/1.1"
    if features & pycurl.VERSION_HTTP2:
        yield "HTTP/2"
    if features & pycurl.VERSION_HTTP3:
        yield "HTTP/3"
