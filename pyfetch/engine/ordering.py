"""Results in the order of the input, or in the order in which they are complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pyfetch.models import Result


def in_order(results: Iterable[Result], shown: Callable[[Result], None]) -> Iterator[Result]:
    """Yield results in input order, each as soon as all before it have come.

    `shown` is called when the consumer comes back after a result. If `results` ends early
    or raises an error, the results that have come are yielded, with gaps, before that.
    """
    held: dict[int, Result] = {}
    due = 1
    error = None
    try:
        for result in results:
            held[result.index] = result
            while due in held:
                shown_now = held.pop(due)
                yield shown_now
                shown(shown_now)
                due += 1
    except Exception as caught:  # raised after the results that have come
        error = caught
    for index in sorted(held):
        yield held[index]
        shown(held.pop(index))
    if error:
        raise error


def as_finished(results: Iterable[Result], shown: Callable[[Result], None]) -> Iterator[Result]:
    """Yield results in completion order. `shown` is as for `in_order`."""
    for result in results:
        yield result
        shown(result)
