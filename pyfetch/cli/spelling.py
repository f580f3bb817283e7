"""Which known word was meant by one that is unknown."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_LETTERS = 2
"""Letters in which a word may differ from the one that was meant."""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The known word that differs least; None if none differs by so few letters."""
    found = min(((_distance(word, known), known) for known in words), default=None)
    if found is None:
        return None
    most = min(_MOST_LETTERS, (min(len(word), len(found[1])) - 1) // 2)
    return found[1] if found[0] <= most else None


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
