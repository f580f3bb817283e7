"""The error for a word that nobody knows, with the option that it is almost certainly meant for."""

from __future__ import annotations

from collections.abc import Iterable

import click

_MOST_LETTERS = 2
"""So many letters may differ between a word and an option that it is taken for."""


def unknown_option(flag: str, known: Iterable[str]) -> click.UsageError:
    """The error to raise. `known`: the options that may be meant."""
    near = sorted(
        (word for word in known if word.startswith("--") and _is_near(flag, word)),
        key=lambda word: (_distance(flag, word), word),
    )
    meant = f" (did you mean {' or '.join(near)}?)" if near else ""
    return click.UsageError(f"there is no option {flag}{meant}; pyfetch --help lists all")


def _is_near(flag: str, word: str) -> bool:
    """Whether at most two letters differ, and fewer than half of the shorter word."""
    most = min(_MOST_LETTERS, (min(len(flag), len(word)) - 3) // 2)
    return abs(len(flag) - len(word)) <= most and _distance(flag, word) <= most


def _distance(one: str, other: str) -> int:
    """Letters to change, add, leave out or swap with the next one (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if earlier and j > 1 and a == other[j - 2] and one[i - 2] == b:
                least = min(least, earlier[j - 2] + 1)
            row.append(least)
    return row[-1]
