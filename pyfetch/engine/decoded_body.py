"""A body that is saved as its content coding decodes (RFC 9110, section 8.4)."""

from __future__ import annotations

from collections.abc import Iterator

from pyfetch.engine.expectations import Expectations
from pyfetch.http.content_coding import Decoder, codings_of
from pyfetch.http.response import ResponseHead
from pyfetch.models import Failure, TargetError
from pyfetch.transfer import Transfer


class DecodedBody:
    """Decodes the body of one answer while it comes."""

    def __init__(self, coding: str, transfer: Transfer, expected: Expectations) -> None:
        """`coding`: the value of Content-Encoding. Raises `TargetError` for an unknown one."""
        self._decoder = Decoder(coding)
        self._transfer = transfer
        self._expectations = expected
        self.size = 0
        """Bytes that it has yielded."""
        self.end = self._decoder.end
        """Raises `TargetError` if the body has ended before the end of its coding."""
        transfer.decodes = True

    def pieces(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Decode a piece. Raises `TargetError` for a body that is damaged, or too large."""
        for piece in self._decoder.decode(data):
            self._transfer.check()  # a few bytes may decode to gigabytes
            self.size += len(piece)
            self._expectations.check_not_too_large(self.size)
            yield piece


def decoded_body(
    head: ResponseHead, transfer: Transfer, expected: Expectations
) -> DecodedBody | None:
    """What decodes the body behind this head; None if it is not coded.

    Raises `TargetError` if it cannot be decoded.
    """
    coding = head.headers["content-encoding"]
    if not codings_of(coding):
        return None
    if head.status == 206:
        detail = f"the answer 206 is a range of a body coded in {coding}: it is not decoded"
        raise TargetError(Failure.WRONG_CONTENT, detail)
    return DecodedBody(coding, transfer, expected)
