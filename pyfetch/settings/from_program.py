"""Settings from the keyword arguments of a program, which may give values in several forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pyfetch.errors import UsageError
from pyfetch.settings.definitions import SETTINGS, ContradictionError, Settings
from pyfetch.settings.kinds import LONGEST_TIME, Kind, Number, shown
from pyfetch.settings.request_kinds import USER_AND_PASSWORD

_ENDLESS = frozenset({"timeout", "connect_timeout"})
"""Times for which None means: wait for ever, which is a year."""
_LONGEST_SHOWN = 80


def settings_from(values: Mapping[str, object]) -> Settings:
    """Return the settings that these arguments say.

    Beside what `Settings` takes, numbers may be text with a unit (`"10s"`, `"5/s"`, `"10M"`), times
    a `timedelta` or, for `timeout` and `connect_timeout`, None. `auth=(user, password)` is `user`,
    `verify=False` is `insecure`, `verify=path` is `cacert`, `then=function` is `map`.

    Raises `UsageError` for a name that there is not and for a value that makes no sense.
    """
    said = dict(values)
    _take_auth(said)
    _take_verify(said)
    then = _take_then(said)
    for name, value in said.items():
        if name not in SETTINGS:
            raise UsageError(
                f"there is no setting {name!r} (there are {', '.join(sorted(SETTINGS))})"
            )
        if value is None and name in _ENDLESS:
            said[name] = LONGEST_TIME
        else:
            said[name] = _number(name, SETTINGS[name].kind, value)
    try:
        return Settings(**said)  # type: ignore[arg-type]
    except ContradictionError as error:
        raise UsageError(error.with_names({"map": "then"} if then else {})) from None


def _number(name: str, kind: Kind, value: object) -> Any:
    if not isinstance(kind, Number) or not kind.has_unit:
        return value
    if isinstance(value, timedelta) and kind.metavar == "TIME":
        return value.total_seconds()
    if not isinstance(value, str):
        return value
    try:
        return kind.parse(value)
    except ValueError as error:
        why = str(error) if len(value) <= _LONGEST_SHOWN else f"{shown(value)} is too long"
        raise UsageError(f"{name}: {why}") from None


def _take_auth(said: dict[str, object]) -> None:
    auth = said.pop("auth", None)
    if auth is None:
        return
    if said.get("user") is not None:
        raise UsageError("auth and user exclude each other")
    match auth:
        case (str(user), str(password)) if ":" not in user:
            said["user"] = USER_AND_PASSWORD.check(f"{user}:{password}")
        case _:  # the value may be a secret
            raise UsageError("auth must be a pair of user and password, both text")


def _take_verify(said: dict[str, object]) -> None:
    verify = said.pop("verify", True)
    if verify is True:
        return
    name = "insecure" if verify is False else "cacert"
    if said.get(name):
        raise UsageError(f"verify and {name} exclude each other")
    if verify is not False and (isinstance(verify, int | float) or verify is None):
        raise UsageError(
            f"verify must be True, False or the path of authorities, not {shown(verify)}"
        )
    said[name] = True if verify is False else verify


def _take_then(said: dict[str, object]) -> bool:
    """Let `then` be `map`. Whether it was given."""
    then = said.pop("then", None)
    if then is None:
        return False
    if not callable(then):
        raise UsageError(f"then must be a function, not {shown(then)}")
    if said.get("map") is not None:
        raise UsageError("then and map exclude each other")
    said["map"] = then
    return True
