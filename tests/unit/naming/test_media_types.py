"""The extension for a media type is one, and the same on every machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyfetch.naming.components import safe
from pyfetch.naming.media_types import EXTENSIONS, type_extension
from tests.support.cases import cases


def test_each_type_of_the_table_has_one_plain_extension() -> None:
    for media_type in EXTENSIONS:
        extension = type_extension(media_type, "")
        assert media_type == media_type.lower()
        assert extension.startswith("."), media_type
        assert extension == extension.lower()
        assert safe(f"x{extension}") == f"x{extension}"
        assert type_extension(media_type, ".other") == extension


@cases(
    ("media_type", "of_url", "extension"),
    [
        (None, ".JPEG", ".jpg"),
        (None, "", ""),
        (None, ".of-its-own", ".of-its-own"),
        ("", ".htm", ".html"),
        ("application/octet-stream", ".TIFF", ".tif"),
        ("image/jpeg", ".jpeg", ".jpg"),
        ("image/png", ".jpg", ".png"),
        ("application/gzip", ".tar.gz", ".tar.gz"),
        ("application/gzip", ".tgz", ".gz"),
        ("application/zstd", ".tar.zst", ".tar.zst"),
        ("application/zip", ".tar.zip", ".zip"),
    ],
)
def test_a_type_that_says_nothing_leaves_the_extension_of_the_url(
    media_type: str | None, of_url: str, extension: str
) -> None:
    assert type_extension(media_type, of_url) == extension


@given(st.none() | st.text(max_size=20), st.sampled_from(["", ".a", ".tar.gz", ".JPG"]))
def test_what_is_found_is_found_again_from_itself(media_type: str | None, of_url: str) -> None:
    """So the path that is expected before the answer is the path after it, run after run."""
    found = type_extension(media_type, of_url)
    assert type_extension(media_type, found) == found
