"""`Settings`: what each of them may be, what is said of a wrong one, and what is shown."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pyfetch import fetch_all
from pyfetch.errors import UsageError
from pyfetch.settings import SETTINGS, IfExists, Settings
from pyfetch.settings.given_cookies import FileOrCookies
from pyfetch.settings.host_settings import Hosts
from pyfetch.settings.keywords import settings_from
from pyfetch.settings.kinds import Choice, FilePath, Flag, Function, Kind, Number, YesOrNo
from pyfetch.settings.request_kinds import (
    Headers,
    MediaTypes,
    ParameterNames,
    ProxyURL,
    Statuses,
)
from pyfetch.settings.store_kinds import BucketPrefixes, StoreOptions
from tests.support.cases import cases
from tests.support.settings import beside


class Hostile:
    """An object that can be neither shown nor compared."""

    def __repr__(self) -> str:
        raise RuntimeError("not to be shown")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    __hash__ = None  # type: ignore[assignment]


class BytesPath:
    """A path that is not text."""

    def __fspath__(self) -> bytes:
        return b"data"


WRONG: list[object] = [
    *(5, -5, 0.5, 1e300, -1e300, float("nan"), float("inf"), 10**5000, -(10**5000), 1j),
    *("", "no", "10M", "\0", "http://", "http://host:99999/", "http://[host/", "a/b/c"),
    *(b"", b"auto", bytearray(b"x"), None, True, False, ..., object, Hostile(), BytesPath()),
    *([], [5], ["ab"], [("a",)], [("a", 1)], [None], (), {}, {"X": 1}, {5: "x"}, set(), {5}),
    *([Hostile()], {"a": Hostile()}, Fraction(1, 2), Path("\0"), range(3), "x" * 10_000),
]


def is_right(kind: Kind, value: object) -> bool:  # noqa: C901 - a case for each kind
    """Whether a setting of this kind may have this one of the values above."""
    match kind:
        case YesOrNo():
            return isinstance(value, bool) or (isinstance(value, str) and value in {"yes", "no"})
        case Flag():
            return isinstance(value, bool)
        case Function():
            return isinstance(value, str) or callable(value)
        case Number():
            if (
                isinstance(value, str) and value == "10M"
            ):  # of the values above, the only one with a unit
                return kind.metavar in {"SIZE", "SPEED", "TIME"}
            types = int if kind.whole else (int, float)
            is_number = isinstance(value, types) and not isinstance(value, bool)
            return is_number and kind.least <= value <= kind.most  # type: ignore[operator]
        case FileOrCookies() if isinstance(value, dict):
            return not value
        case FilePath():
            return isinstance(value, str) and "\0" not in value
        case ParameterNames():
            names = [value] if isinstance(value, str) else value
            return isinstance(names, list | tuple | set | dict) and all(
                isinstance(name, str) and name.isprintable() and name and not set(name) & set(" &=")
                for name in names
            )
        case MediaTypes() | BucketPrefixes():
            return isinstance(value, list | tuple | dict | set | range) and not value
        case Headers() | Statuses() | Hosts() | StoreOptions():
            return isinstance(value, list | tuple | dict | set | range) and not value
        case ProxyURL() | Choice():
            return False
    return isinstance(value, str)


def wrong_values() -> Iterator[tuple[str, object]]:
    """For each setting, by its name, each value of a type that it does not have."""
    for name, setting in SETTINGS.items():
        wrong = [value for value in WRONG if not is_right(setting.kind, value)]
        assert len(wrong) > len(WRONG) / 2
        for value in wrong:
            if value is not None or not (
                setting.default is None or name in {"timeout", "connect_timeout"}
            ):
                yield name, value


def test_a_value_of_a_wrong_type_is_a_usage_error_that_names_the_setting() -> None:
    for name, value in wrong_values():
        with pytest.raises(UsageError) as raised:
            settings_from({name: value})
        message = str(raised.value)
        assert name in message
        assert "\n" not in message
        assert len(message) < 300


RIGHT: dict[str, list[tuple[object, object]]] = {
    "netrc": [(True, True), (False, False)],
    "workers": [(1, 1), (1024, 1024), ("auto", "auto")],
    "timeout": [(1, 1), (0.5, 0.5)],
    "max_size": [(None, None), (0, 0)],
    "rate": [(None, None), (0.1, 0.1)],
    "output_dir": [("x", "x"), (Path("x") / "y", os.path.join("x", "y"))],  # noqa: PTH118
    "cacert": [(None, None), (Path("x"), "x")],
    "if_exists": [("skip", IfExists.SKIP), (IfExists.FAIL, IfExists.FAIL)],
    "expect_type": [
        ("image/*", ("image/*",)),
        (["a/b", "c/d"], ("a/b", "c/d")),
        (iter(["a/b"]), ("a/b",)),
    ],
    "headers": [
        ({"X": "y"}, (("X", "y"),)),
        ([("X", "y"), ["X", "z"]], (("X", "y"), ("X", "z"))),
        ((), ()),
    ],
    "keep": [(False, False), ("no", False), ("yes", True)],
    "map": [(None, None), ("a:b", "a:b"), (max, max)],
    "exec_timeout": [(None, None), ("2m", 120)],
    "proxy": [(None, None), ("http://u:p@host:1", "http://u:p@host:1")],
}


@cases("name", RIGHT)
def test_a_value_that_is_right_is_taken_in_one_form(name: str) -> None:
    for value, expected in RIGHT[name]:
        assert getattr(settings_from(beside(name) | {name: value}), name) == expected


@cases("name", [n for n, s in SETTINGS.items() if isinstance(s.kind, Number)])
def test_a_number_may_be_its_bounds_and_nothing_beyond(name: str) -> None:
    kind = SETTINGS[name].kind
    assert isinstance(kind, Number)
    values: dict[str, object] = {"max_size": None, **beside(name)}
    for bound in (kind.least, kind.most):
        values[name] = int(bound) if kind.whole else bound
        assert getattr(settings_from(values), name) == bound
    for beyond in (kind.least - 1, kind.most * 2):
        values[name] = int(beyond) if kind.whole else beyond
        with pytest.raises(UsageError, match=name):
            settings_from(values)


@cases(
    "values",
    [
        {"rate_total": True},
        {"min_size": 2, "max_size": 1},
        {"key": "key.pem"},
        {"netrc_file": "x", "netrc": False},
        {"insecure": True, "cacert": "x"},
        {"public_only": True, "proxy": "http://host:1"},
        {"exec": "true", "map": "a:b"},
        {"exec": "true", "discard": True},
        {"map": "a:b", "keep": False, "state": False},
        {"cpus": 1},
        {"ahead": 9},
        {"keep": False},
        {"exec_timeout": 5},
        {"exec_retries": 1},
        {"exec_version": "2"},
        {"max_tasks": 7},
        {"pack_size": 7},
        {"pack_count": 7},
        {"pack_order": "input"},
        {"pack_list": "packs.tsv"},
        {"pack": "webdataset", "discard": True},
        {"pack": "webdataset", "state": False},
        {"pack": "webdataset", "if_exists": "rename"},
        {"pack": "webdataset", "exec": "true", "keep": False},
    ],
)
def test_settings_that_contradict_each_other_are_a_usage_error(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Settings(**values)


@cases(
    ("values", "said"),
    [
        ({"then": max, "discard": True}, "discard keeps no file that then could read"),
        ({"exec": "true", "discard": True}, "discard keeps no file that exec could read"),
        ({"then": max, "map": "a:b"}, "then and map exclude each other"),
        ({"then": max, "exec": "true"}, "exec and then exclude each other"),
        ({"then": "a:b"}, "then must be a function, not 'a:b'"),
    ],
)
def test_a_program_is_told_of_what_it_has_said(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        settings_from(values)


def test_then_is_the_function_itself() -> None:
    settings = settings_from({"then": max, "cpus": 2})
    assert (settings.map, settings.computes) == (max, True)
    assert repr(settings) == "Settings(map=max, cpus=2)"
    assert settings_from({"then": None}) == Settings()
    assert not Settings().computes


def test_what_a_header_s_value_or_a_proxy_s_password_is_stands_in_no_message() -> None:
    wrong: list[dict[str, Any]] = [
        {"headers": {"X": ["hunter2"]}},
        {"headers": ["hunter2"]},
        {"headers": "hunter2"},
        {"headers": {"Proxy-Authorization": "hunter2"}},
        {"proxy": "user:hunter2@host"},
        {"proxy": b"hunter2"},
        {"proxy": "ftp://user:hunter2@host:1/"},
    ]
    for values in wrong:
        with pytest.raises(UsageError) as raised:
            Settings(**values)
        assert "hunter2" not in str(raised.value)


def test_settings_are_shown_as_what_differs_from_the_defaults() -> None:
    assert repr(Settings()) == "Settings()"
    shown = repr(Settings(workers="auto", if_exists="skip", max_size=5))  # type: ignore[arg-type]
    assert shown == "Settings(if_exists='skip', max_size=5, workers='auto')"


def test_secrets_are_masked_where_settings_are_shown() -> None:
    settings = Settings(
        proxy="http://user:hunter2@host:1",
        headers={"Authorization": "Bearer hunter2", "X-Key": "hunter2"},  # type: ignore[arg-type]
        store_option={"endpoint": "http://hunter2", "session": "hunter2"},  # type: ignore[arg-type]
    )
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in f"{settings}"
    assert "host:1" in repr(settings)
    assert "Authorization" in repr(settings)
    assert "('session', '***')" in repr(settings)


def test_settings_are_compared_by_value_and_can_be_sent_to_another_process() -> None:
    settings = Settings(workers="auto", headers={"X": "y"})  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own
    assert settings != Settings()
    assert len({settings, Settings(), Settings()}) == 2


def test_a_name_that_is_no_setting_is_a_usage_error_that_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'colour'.*max_size"):
        settings_from({"colour": "red"})


def test_a_header_generator_that_fails_says_so_itself() -> None:
    def pairs() -> Iterator[tuple[str, str]]:
        yield "X", "y"
        raise LookupError("out of headers")

    with pytest.raises(LookupError):
        fetch_all([], headers=pairs())
