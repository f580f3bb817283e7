"""How an attempt ended: what a worker says of it to those who decide what follows."""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.chain import Chain
from pyfetch.http.rate_limit import Sign
from pyfetch.models import FileFacts, Result


class Attempt(NamedTuple):
    """How one attempt ended."""

    result: Result
    """What becomes of the target unless it is tried again or goes on."""
    sign: Sign = Sign.NONE
    """What it says of the host that was asked."""
    asked_wait: float | None = None
    """How long that host wants to be left alone, in seconds; None if it does not say."""
    facts: FileFacts | None = None
    """What is to be known of the file from now on; None where that does not change."""
    chain: Chain | None = None
    """Where it goes on, if it is not over."""
    path: str | None = None
    """Where the file is, below the output directory; None: where the target has it."""
