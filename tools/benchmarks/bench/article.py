"""The program of the article: requests.get mapped over a list by threads; nothing is saved.

Run as `article.py LIST WORKERS [CA]`. A list of one URL and one worker is the script that a shell
loop would call. What is printed is what the benchmark checks: status, bytes and URL of each.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import requests


def main(urls: list[str], workers: int, trusted: str | None = None) -> None:
    get = partial(requests.get, verify=trusted) if trusted else requests.get
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for response in pool.map(get, urls):
            print(response.status_code, len(response.content), response.url, sep="\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text().split(), int(sys.argv[2]), *sys.argv[3:])
