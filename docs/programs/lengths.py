"""Download many pages at once; results come in the order of the URLs, each with its length."""

from pyfetch import fetch_all

urls = [f"https://example.org/page/{number}" for number in range(1, 9)]

for result in fetch_all(urls, workers=8, discard=True):
    print(f"{result.size:>8} bytes  {result.url}")
