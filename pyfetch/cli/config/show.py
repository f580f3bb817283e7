"""`--show-config`: the value of each option and of each host, and where it comes from."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
from click.core import ParameterSource

from pyfetch.cli.config.file import section_name
from pyfetch.cli.config.layers import (
    HEADER,
    HOST_KEYS,
    Configuration,
    Section,
    excluded_by,
    hosts_under,
    is_configurable,
    key_of,
)
from pyfetch.cli.config.options import configuration_of, default_path, variable_of
from pyfetch.cli.parameters import setting_of
from pyfetch.errors import StoppedError
from pyfetch.settings import HOST_KINDS, HOST_LIMITS
from pyfetch.settings.kinds import Kind
from pyfetch.settings.request_kinds import Headers, UserAndPassword
from pyfetch.settings.store_kinds import StoreOptions
from pyfetch.text import MASK, escaped, masked

_COLUMN = 36
"""Where the remarks begin, if the values before them are short."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_OTHER_VARIABLES = {
    "proxy": (*_PROXIES, *(name.upper() for name in _PROXIES)),
    "cacert": ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    "netrc-file": ("NETRC",),
}
"""What holds where an option is not set, by its key."""


def show_config(context: click.Context, options: Mapping[str, Any]) -> int:
    """Write it to standard output, in the form of a configuration file. Returns the exit status."""
    out = sys.stdout or io.StringIO()
    try:
        out.writelines(f"{escaped(line)}\n" for line in _lines(context, options))
        out.flush()
    except OSError as error:
        raise StoppedError(f"cannot write the configuration: {error.strerror}") from error
    return 0


def _lines(context: click.Context, options: Mapping[str, Any]) -> Iterator[str]:
    configuration = configuration_of(context)
    yield f"# {_file(context, configuration)}"
    yield ""
    for option in context.command.params:
        if isinstance(option, click.Option) and is_configurable(option):
            key, value = key_of(option), _value(option, options[str(option.name)])
            source = _source(context, option, configuration)
            yield _line(f"{key} = {value}" if value else f"# {key} is not set", source)
    if configuration:
        yield from _hosts(configuration, context, options)


def _value(option: click.Option, value: Any) -> str:
    setting = setting_of(option)
    if option.name == "allow_failures" and value:
        number, share = value
        return _toml(f"{float(share * 100):g}%", None) if share else str(number)
    return _toml(value, setting.kind if setting else None)


def _file(context: click.Context, configuration: Configuration | None) -> str:
    if configuration:
        profile = context.params["profile"]
        return f"{configuration.file.path}{f', profile {profile}' if profile else ''}"
    if context.params["no_config"]:
        return "no configuration is read (--no-config)"
    return f"there is no configuration: {default_path() or 'without a home directory'}"


def _source(
    context: click.Context, option: click.Option, configuration: Configuration | None
) -> str:
    sources = []
    key = key_of(option)
    match context.get_parameter_source(str(option.name)):
        case ParameterSource.COMMANDLINE:
            sources = ["command line"]
        case ParameterSource.ENVIRONMENT:
            sources = [variable_of(option)]
        case ParameterSource.DEFAULT_MAP:
            pass
        case _:
            named = [name for name in _OTHER_VARIABLES.get(key, ()) if os.environ.get(name)]
            return f"from {', '.join(named)}" if named else "built in"
    if configuration and (key == HEADER or not sources):
        sections = configuration.sections_of(key)
        sources = [*(_place(configuration, section, key) for section in sections), *sources]
    excluding = excluded_by(context, key)
    return ", ".join(sources) + (f"; not used beside {excluding}" if excluding else "")


def _hosts(
    configuration: Configuration, context: click.Context, options: Mapping[str, Any]
) -> Iterator[str]:
    hold = hosts_under(configuration, context, options)
    for pattern, layer in configuration.hosts.items():
        yield ""
        yield f"[{section_name(layer.section)}]"
        for key, value in layer.values.items():
            name = HOST_KEYS[key]
            remark = _place(configuration, layer.section, key, within=True)
            held = hold[pattern].get(name)
            if held is None or (key == HEADER and len(held) < len(value)):
                extent = " in part" if held else ""
                remark += f"; not used{extent}: the command line or a variable says something else"
            elif name in HOST_LIMITS and name != "limit_rate":
                remark += _stricter(context, key, value, options[name])
            yield _line(f"{key} = {_toml(value, HOST_KINDS[name])}", remark)


def _stricter(context: click.Context, key: str, value: Any, general: Any) -> str:
    """A remark where the general limit is stricter than that of the host."""
    is_total = key == "rate" and context.params["rate_total"]
    if general is None or is_total or general >= value:
        return ""
    return f"; the general {key} is stricter and holds"


def _place(
    configuration: Configuration, section: Section, key: str, *, within: bool = False
) -> str:
    """Where a key stands. `within`: in a list of its own section."""
    line = configuration.file.line_of(section, key)
    at = f"line {line}" if line else ""
    if within:
        return at or "in this section"
    return f"[{section_name(section)}]{f', {at}' if at else ''}"


def _line(text: str, remark: str) -> str:
    return f"{text:<{_COLUMN}}  # {remark}"


def _toml(value: Any, kind: Kind | None) -> str:
    """The value as a file would have it, secrets masked; empty if there is none."""
    if value is None or value == () or value == []:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(kind, UserAndPassword):
        value = f"{value.partition(':')[0]}:{MASK}"
    if isinstance(kind, StoreOptions):
        value = [f"{name}={MASK}" for name, _ in kind.check(value)]
    if isinstance(kind, Headers):
        value = [f"{name}: {MASK}" for name, _ in kind.check(value)]
    if kind and kind.metavar == "RATE":
        value = f"{value:g}/s"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, str):
        return json.dumps(masked(value), ensure_ascii=False)
    if isinstance(value, Iterable):
        return f"[{', '.join(_toml(one, None) for one in value)}]"
    return json.dumps(str(value))
