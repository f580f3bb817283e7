"""What was meant: by two letters at most, and fewer than half of the word."""

from __future__ import annotations

from pyfetch.cli.spelling import nearest
from tests.support.cases import cases

WORDS = ("workers", "rate", "retries", "insecure", "per-host", "proxy")


@cases(
    ("word", "meant"),
    [
        ("wrokers", "workers"), ("worker", "workers"), ("retires", "retries"), ("rte", "rate"),
        ("perhost", "per-host"), ("concurrency", None), ("secure", "insecure"), ("x", None),
        ("", None), ("raxx", None), ("workersss", "workers"), ("workerssss", None),
    ],
)  # fmt: skip
def test_a_word_that_differs_by_few_letters_was_meant(word: str, meant: str | None) -> None:
    assert nearest(word, WORDS) == meant


def test_of_no_words_none_was_meant() -> None:
    assert nearest("workers", ()) is None
