"""What transfers are called where there is little room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.models import Target
from pyfetch.output.labels import label_of_url
from pyfetch.output.screen.cells import cut, labels, width_of
from pyfetch.urls import parse_url

WIDTHS = pytest.mark.parametrize("width", [20, 27, 60, 160])


def targets(*urls: str) -> list[Target]:
    return [Target(index, parse_url(url)) for index, url in enumerate(urls, 1)]


def test_a_label_is_decoded_and_has_no_query() -> None:
    url = "https://example.org:443/pub/%E6%BC%A2%20x.iso?X-Amz-Signature=abc#part"
    assert label_of_url(url) == "example.org/pub/漢 x.iso"


def test_a_label_obeys_no_escape_and_shows_no_password() -> None:
    assert label_of_url("http://me:secret@h/%1B%5B2J") == "h/%1B[2J"


def test_the_start_of_the_path_is_what_is_cut() -> None:
    assert cut("example.org/backups/2024/dump-0001.sql.gz", 20) == "…24/dump-0001.sql.gz"
    assert cut("example.org/a", 20) == "example.org/a"


def test_a_name_that_is_too_long_keeps_its_start_and_its_end() -> None:
    shown = cut("h/0001-" + "x" * 50 + ".tar.gz", 20)
    assert shown.startswith("0001-")
    assert shown.endswith(".tar.gz")
    assert len(shown) == 20


@WIDTHS
def test_ten_presigned_urls_can_be_told_apart(width: int) -> None:
    signed = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F2024&X-Amz-Signature="
    base = "https://bucket.s3.eu-central-1.amazonaws.com/backups/database/dump-"
    shown = labels(targets(*(f"{base}{n:04}.sql.gz{signed}{n:064x}" for n in range(10))), width)
    assert len(set(shown)) == 10
    assert all("sql.gz" in label and "Signature" not in label for label in shown)


@WIDTHS
def test_urls_that_differ_in_their_query_alone_can_be_told_apart(width: int) -> None:
    shown = labels(targets(*(f"http://h/get?id={n}" for n in range(10))), width)
    assert len(set(shown)) == 10
    assert "id=3" in shown[3]


@WIDTHS
def test_the_same_name_at_two_hosts_can_be_told_apart(width: int) -> None:
    path = "a/long/path/to/the/very/same/file.iso"
    shown = labels(targets(f"http://one/{path}", f"http://two/{path}"), width)
    assert len(set(shown)) == 2


@given(
    st.lists(st.text("ab/?=漢%", min_size=1, max_size=40), min_size=1, max_size=5),
    st.integers(12, 50),
)
def test_each_label_fills_its_column_and_no_two_are_the_same(paths: list[str], width: int) -> None:
    urls = [f"http://h/{path}".encode().decode() for path in paths]
    listed = [Target(n, parse_url(url)) for n, url in enumerate(map(_escaped, urls), 1)]
    shown = labels(listed, width)
    assert {width_of(label) for label in shown} == {width}
    assert len(set(shown)) == len(shown)


def _escaped(url: str) -> str:
    from urllib.parse import quote

    return quote(url, safe=":/?=")
