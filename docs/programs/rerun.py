"""Run this again: what is there and unchanged is not fetched a second time."""

from collections import Counter

from pyfetch import fetch_all

urls = [f"https://example.org/page/{number}" for number in range(1, 9)]

outcomes = Counter(result.outcome for result in fetch_all(urls, output_dir="data"))
for outcome, number in sorted(outcomes.items()):
    print(f"{number} {outcome}")
