"""Show how far a batch is."""

from pyfetch import Batch, Progress

urls = [f"https://example.org/page/{number}" for number in range(1, 9)]


def show(progress: Progress) -> None:
    print(f"{progress.finished} finished, {progress.failed} failed, {progress.bytes} bytes")


with Batch(urls, discard=True, on_progress=show) as batch:
    for _ in batch:
        pass
