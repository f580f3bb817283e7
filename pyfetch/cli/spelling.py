"""Which known word was meant by one that is unknown."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_LETTERS = 2
"""Letters in which a word may differ from the one that was meant."""


def near(word: str, words: Iterable[str]) -> list[str]:
    """The known words that may have been meant, the most similar first.

    At most two letters differ, and fewer than half of the shorter word.
    """
    found = sorted((distance, known) for known in words if (distance := _away(word, known)) >= 0)
    return [known for _, known in found]


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The first of them; None if there is none."""
    return next(iter(near(word, words)), None)


def _away(word: str, known: str) -> int:
    """How many letters differ; -1 if too many do."""
    most = min(_MOST_LETTERS, (min(len(word), len(known)) - 1) // 2)
    if abs(len(word) - len(known)) > most:
        return -1
    distance = _distance(word, known)
    return distance if distance <= most else -1


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
