"""Collect the failures by their reason. A URL that fails is a result, not an exception."""

from collections import defaultdict

from pyfetch import Failure, fetch_all

urls = [f"https://example.org/{name}" for name in ("page/1", "missing", "page/2", "gone")]

failed: defaultdict[tuple[Failure, int | None], list[str]] = defaultdict(list)
for result in fetch_all(urls, discard=True, retries=1, retry_wait="100ms"):
    if result.error:
        failed[result.error, result.status].append(result.url)

for (error, status), those in failed.items():
    print(error, status, *those)
