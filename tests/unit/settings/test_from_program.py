"""Settings as programs give them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pyfetch.errors import UsageError
from pyfetch.settings.keywords import settings_from
from tests.support.cases import cases


@cases(
    ("said", "name", "value"),
    [
        ({"timeout": timedelta(minutes=1)}, "timeout", 60.0),
        ({"timeout": "1m30s"}, "timeout", 90.0),
        ({"timeout": None}, "timeout", 31_536_000.0),
        ({"connect_timeout": None}, "connect_timeout", 31_536_000.0),
        ({"max_time": None}, "max_time", None),
        ({"retry_wait": "100ms"}, "retry_wait", 0.1),
        ({"rate": "100/min"}, "rate", 100 / 60),
        ({"max_size": "10M"}, "max_size", 10 * 1024**2),
        ({"limit_rate": "1MB/s"}, "limit_rate", 1_000_000),
        ({"output_dir": Path("data")}, "output_dir", "data"),
        ({"workers": "auto"}, "workers", "auto"),
        ({"auth": ("me", "pass:word")}, "user", "me:pass:word"),
        ({"auth": None}, "user", None),
        ({"verify": False}, "insecure", True),
        ({"verify": True}, "insecure", False),
        ({"verify": "/etc/ca.pem"}, "cacert", "/etc/ca.pem"),
        ({"verify": Path("ca.pem")}, "cacert", "ca.pem"),
        ({"headers": {"X": "1"}}, "headers", (("X", "1"),)),
    ],
)
def test_settings_take_what_programs_have(said: dict[str, Any], name: str, value: object) -> None:
    assert getattr(settings_from(said), name) == value


@cases(
    ("said", "message"),
    [
        ({"timeout": "soon"}, "timeout: 'soon'"),
        ({"timeout": timedelta(seconds=-1)}, "timeout must be a number"),
        ({"workers": "8"}, "workers must be auto or a whole number"),
        ({"retries": timedelta(1)}, "retries must be a whole number"),
        ({"max_size": timedelta(1)}, "max_size must be a whole number"),
        ({"wrokers": 4}, "there is no setting 'wrokers'"),
        ({"auth": "me:secret"}, "auth must be a pair"),
        ({"auth": ("a:b", "secret")}, "auth must be a pair"),
        ({"auth": ("a", "b"), "user": "a:b"}, "auth and user exclude each other"),
        ({"verify": 1}, "verify must be"),
        ({"verify": None}, "verify must be"),
        ({"verify": False, "cacert": "x"}, "insecure trusts everybody: then cacert means nothing"),
        ({"verify": "x", "cacert": "y"}, "verify and cacert exclude each other"),
        ({"min_size": 5, "max_size": "1"}, "min_size is more than max_size"),
        ({"rate_total": True}, "rate_total says whose rate it is: it needs rate"),
        ({"ipv4": True, "ipv6": True}, "ipv4 and ipv6 exclude each other"),
    ],
)
def test_what_makes_no_sense_is_said_in_the_words_of_the_library(
    said: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        settings_from(said)
    assert message in str(caught.value)
    assert "--" not in str(caught.value)
    assert "secret" not in str(caught.value)
