"""Bodies are decoded as they come, in bounded pieces, and damaged ones are told from cut ones."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.http import content_coding
from pyfetch.http.content_coding import PIECE, Decoder, accepted_codings, codings_of
from pyfetch.models import Failure, TargetError
from tests.support.examples import at_most

zstd = content_coding.zstd_module()


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-zlib.MAX_WBITS)


def in_members(data: bytes) -> bytes:
    """Each half is a member of its own."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


def in_frames(data: bytes) -> bytes:
    """Two frames, and one to be skipped between them (RFC 8878, section 3.1.2)."""
    half = len(data) // 2
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    first, second = zstd.compress(data[:half]), zstd.compress(data[half:])
    return bytes(first + skipped + second)


ENCODERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("X-Gzip", in_members),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstd.compress),
    ("zstd", in_frames),
    ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    ("identity, zstd , deflate", lambda data: zlib.compress(zstd.compress(data))),
]


def decoded(coding: str, pieces: list[bytes]) -> bytes:
    decoder = Decoder(coding)
    found = [piece for data in pieces for piece in decoder.decode(data)]
    assert all(found)
    decoder.end()
    return b"".join(found)


def content_or_failure(coding: str, pieces: list[bytes]) -> bytes | Failure:
    try:
        return decoded(coding, pieces)
    except TargetError as error:
        return error.failure


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(edges)]


contents = st.binary(max_size=300) | st.builds(
    lambda seed, times: seed * times, st.binary(min_size=1, max_size=40), st.integers(1, 3000)
)


@pytest.mark.parametrize(("coding", "encode"), ENCODERS)
@given(content=contents, places=st.lists(st.integers(0), max_size=8))
@at_most(25)
def test_a_body_is_decoded_wherever_it_is_split(
    coding: str, encode: Callable[[bytes], bytes], content: bytes, places: list[int]
) -> None:
    assert decoded(coding, cut_at(encode(content), places)) == content


@pytest.mark.parametrize(("coding", "encode"), ENCODERS)
@given(content=st.binary(min_size=1, max_size=200), place=st.integers(1))
@at_most(25)
def test_a_body_that_is_cut_anywhere_is_never_taken_for_a_whole_one(
    coding: str, encode: Callable[[bytes], bytes], content: bytes, place: int
) -> None:
    """Unless it is cut between two streams, where nobody could know that another one follows."""
    data = encode(content)
    part = data[: place % len(data)] or data[:1]
    found = content_or_failure(coding, [part])
    if not isinstance(found, Failure):
        assert encode in (in_members, in_frames)
        assert content.startswith(found)
    else:
        assert found is Failure.TRUNCATED


@pytest.mark.parametrize(("coding", "encode"), ENCODERS)
@given(content=st.binary(max_size=100), noise=st.binary(min_size=1, max_size=60), at=st.integers(0))
@at_most(25)
def test_a_damaged_body_raises_nothing_but_a_failure_of_its_target(
    coding: str, encode: Callable[[bytes], bytes], content: bytes, noise: bytes, at: int
) -> None:
    data = encode(content)
    place = at % (len(data) + 1)
    found = content_or_failure(coding, [data[:place], noise, data[place + len(noise) :]])
    assert isinstance(found, bytes) or found in (Failure.TRUNCATED, Failure.WRONG_CONTENT)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, zstd"])
def test_no_bytes_at_all_are_no_bytes_decoded(coding: str) -> None:
    """Servers say Content-Encoding of an empty body, too."""
    assert decoded(coding, []) == b""


@pytest.mark.parametrize(
    ("coding", "encode", "behind", "is_whole"),
    [
        ("gzip", gzip.compress, bytes(700), True),
        ("gzip", gzip.compress, b"garbage", False),
        ("deflate", zlib.compress, b"\0", False),
        ("deflate", raw_deflate, b"ABCD", True),
        ("deflate", raw_deflate, b"ABCDE", False),
        ("br", brotli.compress, b"garbage", False),
        ("zstd", zstd.compress, b"garbage", False),
    ],
)
def test_bytes_behind_the_end_are_refused_but_for_zeros_of_gzip_and_a_checksum(
    coding: str, encode: Callable[[bytes], bytes], behind: bytes, is_whole: bool
) -> None:
    """As curl has it; gzip's zeros are those that tapes and gzip itself know."""
    for pieces in ([encode(b"content") + behind], [encode(b"content"), behind]):
        if is_whole:
            assert decoded(coding, pieces) == b"content"
        else:
            with pytest.raises(TargetError) as raised:
                decoded(coding, pieces)
            assert raised.value.failure is Failure.WRONG_CONTENT


BOMB = 16 * 1024 * 1024
"""Bytes of a body: 64 pieces."""


def bombs() -> Iterator[tuple[str, bytes]]:
    zeros = bytes(BOMB)
    yield "gzip", gzip.compress(zeros, 1)
    yield "deflate", zlib.compress(zeros, 1)
    yield "br", brotli.compress(zeros, quality=1)
    yield "zstd", zstd.compress(zeros)
    yield "gzip, gzip", gzip.compress(gzip.compress(zeros, 1))


@pytest.mark.slow
def test_no_piece_of_a_bomb_is_much_longer_than_the_others() -> None:
    for coding, bomb in bombs():
        decoder = Decoder(coding)
        sizes = [len(piece) for piece in decoder.decode(bomb)]
        decoder.end()
        assert sum(sizes) == BOMB
        assert max(sizes) <= 3 * PIECE, coding


def test_a_frame_of_zstd_that_needs_a_larger_window_than_the_web_allows_is_refused() -> None:
    """RFC 9659: 8 MiB, else any server could make any client take gigabytes."""
    options = {zstd.CompressionParameter.window_log: 27}
    compressor = zstd.ZstdCompressor(options=options)
    data = compressor.compress(os.urandom(1000)) + compressor.flush()
    with pytest.raises(TargetError) as raised:
        decoded("zstd", [data])
    assert raised.value.failure is Failure.WRONG_CONTENT


def test_more_than_two_codings_and_unknown_ones_are_refused_before_a_byte_is_decoded() -> None:
    for coding, says in (
        ("gzip, gzip, gzip", "more than 2"),
        ("compress", "without --compressed, it is saved as it comes"),
        ("aws-chunked", "unknown"),
    ):
        with pytest.raises(TargetError, match=says) as raised:
            Decoder(coding)
        assert raised.value.failure is Failure.WRONG_CONTENT


def test_what_is_no_coding_is_none() -> None:
    assert codings_of("identity, , GZIP, none") == ["gzip"]
    assert codings_of(None) == codings_of("") == codings_of("Identity") == []


def test_without_the_extra_what_zlib_does_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accepted_codings() == "gzip, deflate, br, zstd"
    monkeypatch.setattr(content_coding, "brotli_module", lambda: None)
    monkeypatch.setattr(content_coding, "zstd_module", lambda: None)
    assert accepted_codings() == "gzip, deflate"
    with pytest.raises(TargetError, match=r"pyfetch-batch\[compression\]"):
        Decoder("br")


def test_a_brotli_without_bounded_pieces_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions before 1.2 decode all that they are given at once, however much it becomes."""

    class Old:
        class Decompressor:
            pass

    monkeypatch.setattr(content_coding, "module_if_installed", lambda _: Old)
    content_coding.brotli_module.cache_clear()
    assert accepted_codings() == "gzip, deflate, zstd"
    content_coding.brotli_module.cache_clear()


def test_a_brotli_that_takes_no_more_and_yields_nothing_ends_the_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So brotlicffi says that bytes follow the end: asked again, it would say so for ever."""

    class Stuck:
        class Decompressor:
            def process(self, _data: bytes, output_buffer_limit: int) -> bytes:
                return b""

            def can_accept_more_data(self) -> bool:
                return False

            def is_finished(self) -> bool:
                return False

    monkeypatch.setattr(content_coding, "brotli_module", lambda: Stuck)
    with pytest.raises(TargetError) as raised:
        decoded("br", [b"any"])
    assert raised.value.failure is Failure.WRONG_CONTENT
