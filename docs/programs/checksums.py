"""Demand a checksum, a place and a header for each URL: items may be mappings."""

import hashlib

from pyfetch import Item, fetch_all

items: list[Item] = [
    {
        "url": "https://example.org/page/1",
        "out": "pages/one.txt",
        "sha256": hashlib.sha256(b"This is page 1.\n").hexdigest(),
    },
    {"url": "https://example.org/page/2", "sha256": "0" * 64, "headers": {"X-Token": "abc"}},
]

for result in fetch_all(items, output_dir="data"):
    print(result.index, result.outcome, result.path, result.error)
