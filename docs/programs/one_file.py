"""Fetch one file, and say why if it did not come."""

from pyfetch import FetchError, fetch

try:
    result = fetch("https://example.org/data.bin", output_dir="data").raise_for_status()
except FetchError as error:
    raise SystemExit(f"no file: {error}") from None

print(result.path, result.sha256)
