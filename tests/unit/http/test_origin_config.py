"""What is read once an origin: where many hosts come and go, too."""

from __future__ import annotations

import gc
import weakref

import pytest

from pyfetch.http import origin_config
from pyfetch.http.origin_config import OriginConfigs
from pyfetch.settings.keywords import settings_from
from pyfetch.urls import parse_url


def test_transfers_of_a_host_share_its_limit_also_if_other_hosts_came_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(origin_config, "_CACHE_SIZE", 2)
    origins = OriginConfigs(settings_from({"hosts": {"*": {"limit_rate": 1000}}}), "pyfetch/1")
    used = origins.of(parse_url("http://a/")).bandwidth
    for number in range(4):
        assert origins.of(parse_url(f"http://h{number}/")).bandwidth is not used
    assert origins.of(parse_url("http://a/")).bandwidth is used
    assert used is not None
    kept = weakref.ref(used)
    del used
    for number in range(4):
        origins.of(parse_url(f"http://h{number}/"))
    gc.collect()
    assert kept() is None


def test_origins_with_the_same_fields_share_them() -> None:
    """`Route` encodes the fields of a request anew if they are others than the last ones."""
    hosts = {"b": {"headers": {"X": "y"}}}
    origins = OriginConfigs(settings_from({"headers": {"A": "b"}, "hosts": hosts}), "pyfetch/1")
    first, second, other = (origins.of(parse_url(f"http://{host}/")) for host in ("a", "c", "b"))
    assert first.common_fields is second.common_fields
    assert other.common_fields["X"] == "y"
    assert "X" not in first.common_fields
