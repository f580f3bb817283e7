"""Read what was fetched: as bytes, as text in the page's own encoding, or as JSON."""

from pyfetch import fetch_all

urls = ["https://example.org/numbers.json", "https://example.org/page/1"]

numbers, page = fetch_all(urls, output_dir="data")
print(sum(numbers.json()), page.read_text().strip())
