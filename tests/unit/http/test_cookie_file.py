"""Cookie files: whatever browsers, extensions and tools write is read, line by line."""

from __future__ import annotations

import logging
from http.cookiejar import CookieJar
from pathlib import Path
from typing import cast

import pytest

from pyfetch.errors import UsageError
from pyfetch.http.cookies import load_cookies

GOOD = b"h.test\tFALSE\t/\tFALSE\t0\tsid\tok\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cookies.txt"


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\n",
        b"\xef\xbb\xbf",
        b"# Netscape HTTP Cookie File\r\n\r\n",
        b"\xef\xbb\xbf# x\n",
        b"  \n#\n",
    ],
)
def test_what_stands_before_the_first_cookie_does_not_matter(file: Path, before: bytes) -> None:
    file.write_bytes(before + GOOD.replace(b"\n", b"\r\n"))
    assert [(cookie.name, cookie.value) for cookie in load_cookies(str(file))] == [("sid", "ok")]


@pytest.mark.parametrize(
    "bad",
    [
        b"no cookie", b"a.test\tFALSE\t/", b"a.test\tMAYBE\t/\tFALSE\t0\ta\tb",
        b"a.test\tFALSE\t/\tFALSE\tsoon\ta\tb", b"\tFALSE\t/\tFALSE\t0\ta\tb",
        b"a.test\tFALSE\t/\tFALSE\t0\ta\ts3cret\x01", b"a.test\tFALSE\t/\tFALSE\t1e999\ta\tb",
        b"a.test\tFALSE\t/\tFALSE\t0\t\t",
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_passed_over(
    file: Path, caplog: pytest.LogCaptureFixture, bad: bytes
) -> None:
    """It costs no other cookie, and what it says is not shown."""
    file.write_bytes(GOOD + bad + b"\n" + GOOD.replace(b"sid", b"other"))
    with caplog.at_level(logging.WARNING, "pyfetch.http"):
        assert {cookie.name for cookie in load_cookies(str(file))} == {"sid", "other"}
    (said,) = caplog.messages
    assert said.endswith("line 2")
    assert "s3cret" not in said


def test_a_file_of_bad_lines_alone_is_no_cookie_file(file: Path) -> None:
    file.write_text('[{"domain": "a.test", "name": "a"}]\n')
    with pytest.raises(UsageError, match="Netscape's format"):
        load_cookies(str(file))


@pytest.mark.parametrize(
    ("domain", "below", "stored"),
    [
        ("h.test", "TRUE", ".h.test"), (".h.test", "TRUE", ".h.test"),
        (".h.test", "FALSE", "h.test"),
        ("H.test", "FALSE", "h.test"), ("localhost", "FALSE", "localhost.local"),
        ("intranet", "TRUE", ".intranet.local"), ("127.0.0.1", "TRUE", "127.0.0.1"),
        (".127.0.0.1", "FALSE", "127.0.0.1"), ("#HttpOnly_.h.test", "true", ".h.test"),
    ],
)  # fmt: skip
def test_the_flag_says_whether_subdomains_get_a_cookie(
    file: Path, domain: str, below: str, stored: str
) -> None:
    """As in curl: with or without a dot. An address has no subdomains."""
    file.write_text(f"{domain}\t{below}\t/\tFALSE\t0\ta\tb\n")
    (cookie,) = cast("CookieJar", load_cookies(str(file)))
    assert (cookie.domain, cookie.domain_specified) == (stored, stored.startswith("."))


@pytest.mark.parametrize(
    ("ending", "value"),
    [
        (b"\ta\t", ""),
        (b"\ta", ""),
        (b"\ta\tb\tc", "b\tc"),
        (b"\ta\tJ\xfc", "J\xfc"),
        (b"\ta\t\xe6\x97", "\xe6\x97"),
    ],
)
def test_a_value_may_be_anything(file: Path, ending: bytes, value: str) -> None:
    """Bytes beyond ASCII go out as they are: in Latin-1, each is a character."""
    file.write_bytes(b"h.test\tFALSE\t/\tFALSE\t0" + ending + b"\n")
    (cookie,) = cast("CookieJar", load_cookies(str(file)))
    assert cookie.value == value
