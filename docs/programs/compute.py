"""Threads for what waits, processes for what computes: fetch numbers, square them, in order."""

from pathlib import Path

from pyfetch import Result, fetch_all


def square(path: Path, result: Result) -> int:
    return int(path.read_text()) ** 2


if __name__ == "__main__":
    urls = [f"https://example.org/number/{number}" for number in range(1, 9)]
    results = fetch_all(urls, output_dir="data", then=square)
    print(*(result.value for result in results))
