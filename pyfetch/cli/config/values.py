"""From TOML to the values of options, by the parsers of the command line."""

from __future__ import annotations

import os
from typing import Any

import click

from pyfetch.cli.parameters import setting_of
from pyfetch.settings.given_cookies import COOKIES
from pyfetch.settings.kinds import DIRECTORY, FILE, FUNCTION, YES_OR_NO, Flag, Kind, Number
from pyfetch.settings.request_kinds import HEADERS
from pyfetch.settings.store_kinds import DESTINATION
from pyfetch.text import masked

_SECRET_WORDS = ("auth", "cookie", "key", "pass", "secret", "token")


def option_value(option: click.Option, raw: object, directory: str) -> Any:
    """The value of an option, as Click would have it. Raises `ValueError`, or `UsageError`.

    Paths of files to read are relative to `directory`; `~` is the home directory.
    """
    setting = setting_of(option)
    if setting is None:
        return _own_value(option, raw)
    value = kind_value(setting.kind, raw, directory)
    return str(value) if isinstance(option.type, click.Choice) else value


def kind_value(kind: Kind, raw: object, directory: str) -> Any:
    """A value of this kind, as `option_value` reads it."""
    if isinstance(kind, Flag):
        return _boolean(raw)
    if kind is COOKIES:  # those that are no file are for programs
        kind = FILE
        if not isinstance(raw, str):
            raise ValueError("must be the path of a file")
    if isinstance(raw, bool) and kind is not YES_OR_NO:
        raise ValueError(f"must be a {kind.metavar}, not {_shown(raw)}")
    if kind.several:
        texts = [_text(item) for item in _items(raw)]
        if kind is HEADERS:
            texts = [_header_file(text, directory) for text in texts]
        return kind.check([kind.parse(text) for text in texts])
    if isinstance(raw, str):
        value = kind.check(kind.parse(raw))
        if kind is FILE:
            return _file_to_read(value, directory)
        if kind is FUNCTION:
            return _function_to_call(value, directory)
        return os.path.expanduser(value) if kind in (DIRECTORY, DESTINATION) else value  # noqa: PTH111
    # A number goes the way of its text, so that `rate = 5` lacks its unit here, too.
    is_number = isinstance(kind, Number) and isinstance(raw, int | float)
    return kind.check(kind.parse(str(raw)) if is_number else raw)


def is_secret(key: str, raw: object) -> bool:
    """Whether what stands under this key is a login, or has a password or token in it."""
    for text in (item for item in _items(raw) if isinstance(item, str)):
        name = text.partition(":")[0].lower()
        is_secret_header = (
            key == "header" and name[:1] != "@" and any(word in name for word in _SECRET_WORDS)
        )
        option = text.partition("=")[0].lower()
        is_secret_option = key == "store-option" and any(word in option for word in _SECRET_WORDS)
        if key == "user" or is_secret_header or is_secret_option or masked(text) != text:
            return True
    return False


def _own_value(option: click.Option, raw: object) -> Any:
    """The value of an option of the command alone, which no setting describes."""
    if option.is_flag:
        return _boolean(raw)
    if option.count:
        if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0:
            return raw
        raise ValueError(f"must be a whole number, not {_shown(raw)}")
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
    try:
        value = option.type.convert(str(raw) if is_number else _text(raw), option, None)
    except click.BadParameter as error:
        raise ValueError(error.message.rstrip(".")) from None
    if is_number and isinstance(value, str):
        raise ValueError(f"must be text, not {_shown(raw)}")
    return os.path.expanduser(value) if option.metavar == "FILE" else value  # noqa: PTH111


def _boolean(raw: object) -> bool:
    if not isinstance(raw, bool):
        raise ValueError(f"must be true or false, not {_shown(raw)}")
    return raw


def _items(raw: object) -> list[object]:
    return raw if isinstance(raw, list) else [raw]


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"must be text, not {_shown(raw)}")
    return raw


def _file_to_read(path: str, directory: str) -> str:
    """A path that begins beside the configuration, or at home.

    In the current directory, a stranger may have put a file of that name.
    """
    return os.path.join(directory, os.path.expanduser(path))  # noqa: PTH111, PTH118


def _function_to_call(text: str, directory: str) -> str:
    """`MODULE:FUNCTION` as it is, or `FILE.py:FUNCTION` with the path of that file."""
    where, colon, name = text.rpartition(":")
    is_file = where.endswith(".py") or "/" in where
    return f"{_file_to_read(where, directory)}{colon}{name}" if is_file else text


def _header_file(text: str, directory: str) -> str:
    """A header as it is, or `@FILE` with the path of that file."""
    return f"@{_file_to_read(text[1:], directory)}" if text.startswith("@") else text


def _shown(raw: object) -> str:
    """A value as TOML has it, as far as a message needs it."""
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, int | float | str):
        return repr(raw)
    return "a table" if isinstance(raw, dict) else f"a value of type {type(raw).__name__}"
