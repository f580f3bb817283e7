"""Threads for what waits, processes for what computes: fetch numbers, square them, in order."""

from concurrent.futures import ProcessPoolExecutor

from pyfetch import fetch_all


def square(number: int) -> int:
    return number * number


if __name__ == "__main__":
    urls = [f"https://example.org/number/{number}" for number in range(1, 9)]
    numbers = [int(result.read_text()) for result in fetch_all(urls, output_dir="data")]
    with ProcessPoolExecutor() as pool:
        print(*pool.map(square, numbers))
