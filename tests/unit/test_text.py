"""Text from the network, made harmless."""

from __future__ import annotations

import sys
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.text import escaped
from tests.support.cases import cases

HARMFUL_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
BIDI_FORMATTING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
BIDI_MARKS = "\u061c\u200e\u200f"


@cases(
    ("text", "shown"),
    [
        ("a\tb", "a%09b"),
        ("a\r\nb", "a%0D%0Ab"),
        ("\x1b[2J", "%1B[2J"),
        ("\x9b2J", "%C2%9B2J"),
        ("\0\x7f\x85", "%00%7F%C2%85"),
        ("a\u2028b", "a%E2%80%A8b"),
        ("evil\u202egpj.exe", "evil%E2%80%AEgpj.exe"),
        ("\ufeff\u200b", "%EF%BB%BF%E2%80%8B"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_what_is_harmful_is_percent_encoded(text: str, shown: str) -> None:
    assert escaped(text) == shown


@cases(
    "text",
    ["", "http://host/a?b=c#d", "100% of a b", "naïve café", "日本語", "שלום", "👍🏽", "%0A"],
)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text


@pytest.mark.slow
def test_no_control_line_end_surrogate_or_bidi_character_is_left() -> None:
    left = {
        f"U+{ord(c):04X}"
        for c in map(chr, range(sys.maxunicode + 1))
        if (
            unicodedata.category(c) in HARMFUL_CATEGORIES
            or unicodedata.bidirectional(c) in BIDI_FORMATTING
            or c in BIDI_MARKS
        )
        and c in escaped(c)
    }
    assert left == set()


@pytest.mark.slow
def test_every_letter_number_and_symbol_stays() -> None:
    shown = "".join(
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] in "LMNPS"
    )
    assert escaped(shown) == shown


@given(st.text())
def test_any_text_is_one_line_that_can_be_written_and_read_back(text: str) -> None:
    shown = escaped(text)
    assert len(shown.splitlines()) <= 1
    assert "\t" not in shown
    assert escaped(shown) == shown
    shown.encode()


@given(st.text(alphabet=st.characters(exclude_characters="%", exclude_categories=["Cs"])))
def test_escapes_are_those_of_a_url(text: str) -> None:
    assert unquote(escaped(text)) == text
