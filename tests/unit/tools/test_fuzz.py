"""What is fuzzed for a long time by hand is tried for a short one here."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import cases
from tools.fuzz.targets import TARGETS

# Pieces of heads, so that some come near to being one.
_PIECES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 103 x", b"HTTP/2 200", b"\r\n", b"\n",
        b"\r", b"Content-Length: 5", b"Content-Length:", b"Transfer-Encoding: chunked",
        b"Connection: close", b" folded", b":", b"X: y", b"\x00", b"\x0b", b"5\r\nhello\r\n",
        b"0\r\n\r\n", b"f" * 16, b"-1", b"hello", b"a" * 70_000,
    ]
)  # fmt: skip
HEADS = st.lists(_PIECES | st.binary(max_size=8), max_size=30).map(b"".join)


@cases("name", TARGETS)
def test_a_target_takes_what_it_begins_with(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in [*seeds, b"", b"\x00", b"\xff" * 100]:
        target(seed)


@given(HEADS)
def test_no_head_of_an_answer_does_harm(head: bytes) -> None:
    target, _ = TARGETS["response"]
    target(head)


@given(st.binary())
def test_no_field_does_harm(value: bytes) -> None:
    for name in ("content-disposition", "content-range", "retry-after"):
        TARGETS[name][0](value)
