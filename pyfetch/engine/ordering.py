"""Results in the order of the input, or as they finish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pyfetch.models import Result


def in_order(results: Iterable[Result], shown: Callable[[], None]) -> Iterator[Result]:
    """Results in input order, each as soon as it and all before it are there.

    `shown` is called when the consumer comes back after a result. Where `results` ends
    early or with an error, what has come is given with gaps before that.
    """
    held: dict[int, Result] = {}
    due = 1
    error = None
    try:
        for result in results:
            held[result.index] = result
            while due in held:
                yield held.pop(due)
                shown()
                due += 1
    except Exception as caught:  # not before what there is was shown
        error = caught
    for index in sorted(held):
        yield held.pop(index)
        shown()
    if error:
        raise error


def as_finished(results: Iterable[Result], shown: Callable[[], None]) -> Iterator[Result]:
    """The same without the order."""
    for result in results:
        yield result
        shown()
