"""The least that one thread of Python can do for a file over libcurl: a GET, a hash, a file.

`floor_curl.py URLS WORKERS [CA]`. No redirects, no names, no order, no state: like `floor.py`, it
is no downloader, but shows how much of the time of one is libcurl's and the kernel's.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pycurl


class Fetching:
    """A handle, and the file that it fetches."""

    def __init__(self, authority: str | None) -> None:
        self.easy = pycurl.Curl()
        self.easy.setopt(pycurl.WRITEFUNCTION, self.write)
        if authority:
            self.easy.setopt(pycurl.CAINFO, authority)

    def begin(self, url: str) -> None:
        """Prepare for a URL."""
        self.name = url.rpartition("/")[2]
        self.file = os.open(f"{self.name}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self.digest = hashlib.sha256()
        self.easy.setopt(pycurl.URL, url)

    def write(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.digest.update(data)
        os.write(self.file, data)

    def end(self) -> None:
        """Give the file its name."""
        if self.easy.getinfo(pycurl.RESPONSE_CODE) != 200:
            raise SystemExit(f"{self.name}: no 200")
        os.close(self.file)
        os.rename(f"{self.name}.part", self.name)  # noqa: PTH104 - no more than has to be


def main(urls: Iterator[str], workers: int, authority: str | None) -> None:
    """Fetch all URLs, so many at once."""
    multi = pycurl.CurlMulti()
    fetching: dict[pycurl.Curl, Fetching] = {}
    for url in islice(urls, workers):
        one = Fetching(authority)
        fetching[one.easy] = one
        one.begin(url)
        multi.add_handle(one.easy)
    while fetching:
        multi.perform()
        _, good, bad = multi.info_read()
        if bad:
            raise SystemExit(bad[0][2])
        for easy in good:
            one = fetching[easy]
            one.end()
            multi.remove_handle(easy)
            following = next(urls, None)
            if following is None:
                del fetching[easy]
            else:
                one.begin(following)
                multi.add_handle(easy)
        if not good:
            multi.select(1.0)


if __name__ == "__main__":
    _, listed, number, *trusted = sys.argv
    main(iter(Path(listed).read_text().split()), int(number), trusted[0] if trusted else None)
