"""What a configuration file says, checked: each key is an option, each value is one of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from pyfetch.cli.config.file import ConfigFile, section_name
from pyfetch.cli.config.layers import (
    DEFAULTS,
    HOST,
    HOST_KEYS,
    NOT_IN_A_FILE,
    OF_ONE_URL,
    PROFILE,
    Configuration,
    Layer,
    Section,
    is_configurable,
    key_of,
)
from pyfetch.cli.config.values import is_secret, kind_value, option_value
from pyfetch.cli.spelling import nearest
from pyfetch.errors import UsageError
from pyfetch.settings import HOST_KINDS, HOSTS, parse_pattern

_SECTIONS = (DEFAULTS, f"{PROFILE}.NAME", f'{HOST}."EXAMPLE.ORG"')


def layers_of(file: ConfigFile, profile: str | None, command: click.Command) -> Configuration:
    """What a file says for a run with this profile, or none.

    Raises `UsageError` for anything in it that is no value of an option, used or not.
    """
    return _Reader(file, command).read(profile)


class _Reader:
    def __init__(self, file: ConfigFile, command: click.Command) -> None:
        self._file = file
        self._options = {
            key_of(option): option
            for option in command.params
            if isinstance(option, click.Option) and is_configurable(option)
        }

    def read(self, profile: str | None) -> Configuration:
        self._check_sections()
        general = [self._layer((DEFAULTS,), self._file.table.get(DEFAULTS, {}))]
        profiles = {
            name: self._layer((PROFILE, name), table) for name, table in self._tables(PROFILE)
        }
        if profile:
            if profile not in profiles:
                known = f"there are {', '.join(profiles)}" if profiles else "there are none"
                raise UsageError(f"there is no profile {profile!r} in {self._file.path}: {known}")
            general.append(profiles[profile])
        hosts: dict[str, Layer] = {}
        for name, table in self._tables(HOST):
            layer = self._host_layer(name, table)
            for other in hosts:
                if parse_pattern(other) == parse_pattern(name):
                    message = f"[{section_name(hosts[other].section)}] is for the same: choose one"
                    raise self._file.wrong(layer.section, None, message)
            hosts[name] = layer
        return Configuration(self._file, tuple(general), hosts)

    def _check_sections(self) -> None:
        for name, table in self._file.table.items():
            if name in (DEFAULTS, PROFILE, HOST) and isinstance(table, dict):
                continue
            if name in (DEFAULTS, PROFILE, HOST):
                example = next(one for one in _SECTIONS if one.startswith(name))
                raise self._file.wrong((), name, f"it is a section: [{example}]")
            if isinstance(table, dict):
                meant = nearest(name, (DEFAULTS, PROFILE, HOST))
                hint = f"did you mean {meant}?" if meant else f"there are {', '.join(_SECTIONS)}"
                raise self._file.wrong((name,), None, f"there is no such section ({hint})")
            key = "write it" if name in self._options else "options stand"
            raise self._file.wrong((), name, f"{key} below [{DEFAULTS}]")

    def _tables(self, kind: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """The sections of a kind, by their own names."""
        for name, table in self._file.table.get(kind, {}).items():
            if not isinstance(table, dict):
                example = section_name((kind, "NAME" if kind == PROFILE else "example.org"))
                raise self._file.wrong((kind,), name, f"write it below [{example}]")
            yield name, table

    def _layer(self, section: Section, table: Mapping[str, Any]) -> Layer:
        values = {}
        for key, raw in table.items():
            option = self._options.get(key)
            if option is None:
                raise self._file.wrong(section, key, self._why_not(key, self._options))
            self._check_secret(section, key, raw)
            values[key] = self._value(
                section,
                key,
                lambda: option_value(option, raw, self._file.directory),  # noqa: B023
            )
        return Layer(section, values)

    def _host_layer(self, pattern: str, table: Mapping[str, Any]) -> Layer:
        section = (HOST, pattern)
        self._value(section, None, lambda: parse_pattern(pattern))
        values = {}
        for key, raw in table.items():
            if isinstance(raw, dict):
                message = (
                    f'quote the whole name: [{HOST}."{".".join((pattern, *_names(key, raw)))}"]'
                )
                raise self._file.wrong((*section, key), None, message)
            name = HOST_KEYS.get(key)
            if name is None:
                raise self._file.wrong(section, key, self._why_not(key, HOST_KEYS))
            self._check_secret(section, key, raw)
            kind = HOST_KINDS[name]
            values[key] = self._value(
                section,
                key,
                lambda: kind_value(kind, raw, self._file.directory),  # noqa: B023
            )
        said = {HOST_KEYS[key]: value for key, value in values.items()}
        self._value(section, None, lambda: HOSTS.check({pattern: said}))
        return Layer(section, values)

    def _value(self, section: Section, key: str | None, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except ValueError as error:  # a UsageError is one
            raise self._file.wrong(section, key, str(error)) from None

    def _check_secret(self, section: Section, key: str, raw: object) -> None:
        if is_secret(key, raw):
            self._file.check_secret(section, key)

    def _why_not(self, key: str, known: Iterable[str]) -> str:
        dashed = key.replace("_", "-")
        if dashed != key and dashed in known:
            return f"write it {dashed}, as the option"
        if key in NOT_IN_A_FILE:
            return "it is for the command line only"
        if key in OF_ONE_URL:
            hint = f' (for a host, write it below [{HOST}."EXAMPLE.ORG"])' if key == "user" else ""
            return f"it is about one URL, so it is for the command line only{hint}"
        if key in self._options:  # in the section of a host
            return f"hosts have no such setting (they have {', '.join(known)})"
        for negated in (f"no-{key}", key.removeprefix("no-")):
            if negated in known:
                return f"the option is called {negated}"
        meant = nearest(key, known)
        return f"there is no such option{f' (did you mean {meant}?)' if meant else ''}"


def _names(key: str, table: dict[str, Any]) -> list[str]:
    """The names that a dotted key has made tables of: those of a host, without quotes."""
    names = [key]
    while len(table) == 1:
        ((key, inner),) = table.items()
        if not isinstance(inner, dict):
            break
        names.append(key)
        table = inner
    return names
