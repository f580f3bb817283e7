"""Keyword arguments of the library, as type checkers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyfetch.settings import SETTINGS
from pyfetch.settings.keywords import SettingKeywords

OF_THE_LIBRARY = {"auth", "session", "then", "verify"}
"""What programs may say in place of settings."""

if TYPE_CHECKING:
    from datetime import timedelta
    from http.cookiejar import CookieJar
    from pathlib import Path

    from requests import Session

    from pyfetch import Batch, Result, fetch, fetch_all

    def lines_of(path: Path, result: Result) -> int:
        return path.read_text().count("\n")

    # Where these were right, the comments would be errors themselves.
    fetch_all([], wrokers=4)  # type: ignore[call-arg]
    fetch_all([], workers="many")  # type: ignore[arg-type]
    Batch([], timeout=[])  # type: ignore[arg-type]
    fetch("x", output_dir=5)  # type: ignore[arg-type]
    fetch("x", cookies=5)  # type: ignore[arg-type]
    fetch("x", session={})  # type: ignore[arg-type]
    Batch([], progress="yes")  # type: ignore[arg-type]

    fetch_all([], then="x:y")  # type: ignore[arg-type]
    Batch([], then=len)  # type: ignore[arg-type]
    fetch_all([], then=lines_of, cpus="auto", keep=False, exec_timeout="5m")
    fetch_all([], exec="wc {path}", cpus=2, ahead=100)

    fetch_all([], workers="auto", timeout=timedelta(seconds=5), rate="5/s", max_size="10M")
    Batch([], output_dir=Path("data"), timeout=None, headers={"X": "1"}, verify=False)
    fetch("x", auth=("user", "password"), if_exists="skip", cookies=Path("cookies.txt"))
    fetch_all([], cookies={"sid": "1"}, progress=True)
    Batch([], cookies=CookieJar(), session=Session())


def test_each_setting_is_a_keyword() -> None:
    assert set(SettingKeywords.__annotations__) == set(SETTINGS) | OF_THE_LIBRARY
