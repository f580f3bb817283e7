"""The client over libcurl, apart from its transfers."""

from __future__ import annotations

import threading

import pytest

from pyfetch.http.curl.client import CurlClient
from pyfetch.http.curl.multi import Multi
from pyfetch.settings import Engine, Settings


@pytest.mark.slow
def test_a_look_up_that_hangs_keeps_no_run_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """To close is to wait for it: libcurl joins its threads."""
    answered, closed = threading.Event(), threading.Event()
    close = Multi.close

    def hang_and_close(multi: Multi) -> None:
        answered.wait()
        close(multi)
        closed.set()

    monkeypatch.setattr(Multi, "close", hang_and_close)
    CurlClient(Settings(engine=Engine.CURL), "agent").close()  # else this would never return
    answered.set()
    assert closed.wait(10)
