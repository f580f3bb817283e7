"""Stop once enough has come. The rest is not fetched, and what was begun goes on the next time."""

from itertools import count

from pyfetch import Batch

urls = (f"https://example.org/page/{number}" for number in count(1))

total = 0
with Batch(urls, workers=4, output_dir="data") as batch:
    for result in batch:
        total += result.size or 0
        if total >= 100:
            break

print("enough")
