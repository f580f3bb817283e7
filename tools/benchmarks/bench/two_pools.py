"""Both halves of the article: threads for requests.get, then processes for what computes.

Run as `two_pools.py LIST WORKERS PROCESSES`. Nothing is saved; a line of `work.py` for each URL.
"""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from work import line_of  # type: ignore[import-not-found] # beside this script


def main(urls: list[str], workers: int, processes: int) -> None:
    with ThreadPoolExecutor(max_workers=workers) as threads:
        answers = list(threads.map(requests.get, urls))
    with multiprocessing.Pool(processes) as pool:
        files = [
            (url.rpartition("/")[2], answer.content)
            for url, answer in zip(urls, answers, strict=True)
        ]
        print(*pool.starmap(line_of, files), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text().split(), int(sys.argv[2]), int(sys.argv[3]))
