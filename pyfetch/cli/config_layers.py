"""The layers of a configuration file, and what of them holds beside the command line."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from pyfetch.cli.config_file import ConfigFile, section_name
from pyfetch.cli.config_values import is_secret, kind_value, option_value
from pyfetch.cli.spelling import nearest
from pyfetch.errors import UsageError
from pyfetch.settings import HOST_KINDS, HOST_LIMITS, headers_over, parse_pattern
from pyfetch.settings.request_kinds import HEADERS

DEFAULTS = "defaults"
PROFILE = "profile"
HOST = "host"
_SECTIONS = (DEFAULTS, f"{PROFILE}.NAME", f'{HOST}."EXAMPLE.ORG"')
_NOT_IN_A_FILE = frozenset({"config", "no-config", "profile", "show-config", "plan", "cleanup"})
"""Options that say what to do now."""
_OF_ONE_URL = frozenset({"user", "out"})
"""Options that are about one URL of the command line."""
HEADER = "header"
_STRICTER_HOLDS = frozenset(key.replace("_", "-") for key in HOST_LIMITS)
_SENT_AS = {"user": "authorization", "user-agent": "user-agent"}
"""Keys that become a header field."""

Section = tuple[str, ...]


class Layer(NamedTuple):
    """What one section says."""

    section: Section
    values: Mapping[str, Any]
    """By the key, as it stands in the file."""

    def __repr__(self) -> str:
        return f"Layer([{section_name(self.section)}])"  # values may be secrets


class Configuration(NamedTuple):
    """What a file says for one run."""

    file: ConfigFile
    general: tuple[Layer, ...]
    """The defaults and the chosen profile, as far as there are any: the later one counts more."""
    hosts: Mapping[str, Layer]
    """By pattern, as the file has it."""

    def defaults(self) -> dict[str, Any]:
        """The general values by the names of options, as Click takes them."""
        values: dict[str, Any] = {}
        for layer in self.general:
            for key, value in layer.values.items():
                if key == HEADER:
                    values[key] = headers_over(value, values.get(key, ()))
                else:
                    values[key] = value
        return {key.replace("-", "_"): value for key, value in values.items()}

    def sections_of(self, key: str) -> list[Section]:
        """Where the general value of a key comes from: of headers, that may be two sections."""
        found = [layer.section for layer in self.general if key in layer.values]
        return found if key == HEADER else found[-1:]


def key_of(option: click.Parameter) -> str:
    """The key that stands for an option."""
    return str(option.name).replace("_", "-")


def is_configurable(option: click.Option) -> bool:
    """Whether the option may stand in a file."""
    is_hidden = option.hidden or not option.expose_value
    return not is_hidden and key_of(option) not in _NOT_IN_A_FILE | _OF_ONE_URL


HOST_KEYS = {HEADER if name == "headers" else name.replace("_", "-"): name for name in HOST_KINDS}
"""The names of hosts' settings, by their keys."""


def layers_of(file: ConfigFile, profile: str | None, command: click.Command) -> Configuration:
    """What a file says for a run with this profile, or none.

    Raises `UsageError` for anything in it that is no value of an option, used or not.
    """
    return _Reader(file, command).read(profile)


def is_explicit(context: click.Context, key: str) -> bool:
    """Whether the command line, or a variable, has this option."""
    source = context.get_parameter_source(key.replace("-", "_"))
    return source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def options_over(
    configuration: Configuration, context: click.Context, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options as Click has them, and the headers of the file beside those of the user."""
    if not is_explicit(context, HEADER):
        return dict(options)
    configured = configuration.defaults().get(HEADER, ())
    return {**options, HEADER: headers_over(HEADERS.check(options[HEADER]), configured)}


def hosts_under(
    configuration: Configuration, context: click.Context, options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The settings of hosts that hold beside the options, as `Settings.hosts` takes them.

    What the command line or a variable says counts more than what is said of a host. Limits are
    an exception: `Settings` lets the stricter one hold.
    """
    fields = HEADERS.check(options[HEADER]) if is_explicit(context, HEADER) else ()
    sent = {name.lower() for name, _ in fields}
    hosts = {}
    for pattern, layer in configuration.hosts.items():
        holds = {
            key: value
            for key, value in layer.values.items()
            if key in _STRICTER_HOLDS or not _is_beaten(context, key, sent)
        }
        if HEADER in layer.values:
            holds[HEADER] = tuple(one for one in layer.values[HEADER] if one[0].lower() not in sent)
        hosts[pattern] = {HOST_KEYS[key]: value for key, value in holds.items()}
    return hosts


def _is_beaten(context: click.Context, key: str, sent: Container[str]) -> bool:
    """Whether the user says something else for this run. `sent`: names of header fields."""
    if key in _SENT_AS:
        return _SENT_AS[key] in sent
    return key != HEADER and is_explicit(context, key)


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
        hosts = {name: self._host_layer(name, table) for name, table in self._tables(HOST)}
        return Configuration(self._file, tuple(general), hosts)

    def _check_sections(self) -> None:
        for name, table in self._file.table.items():
            if name in (DEFAULTS, PROFILE, HOST) and isinstance(table, dict):
                continue
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
                message = f'quote the whole name: [{HOST}."{pattern}.{key}"]'
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
        return Layer(section, values)

    def _value(self, section: Section, key: str | None, read: Any) -> Any:
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
        if key in _NOT_IN_A_FILE:
            return "it is for the command line only"
        if key in _OF_ONE_URL:
            hint = f' (for a host, write it below [{HOST}."EXAMPLE.ORG"])' if key == "user" else ""
            return f"it is about one URL, so it is for the command line only{hint}"
        if key in self._options:  # in the section of a host
            return f"hosts have no such setting (they have {', '.join(known)})"
        for negated in (f"no-{key}", key.removeprefix("no-")):
            if negated in known:
                return f"the option is called {negated}"
        meant = nearest(key, known)
        return f"there is no such option{f' (did you mean {meant}?)' if meant else ''}"
