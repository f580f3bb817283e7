"""The sections of a configuration file as layers, and what holds beside the command line."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from pyfetch.cli.config.file import ConfigFile, section_name
from pyfetch.settings import (
    HOST_KINDS,
    HOST_LIMITS,
    OF_A_CLUSTER,
    OF_COMPUTING,
    OF_PACKS,
    SETTINGS,
    headers_over,
)
from pyfetch.settings.kinds import ENCRYPTED
from pyfetch.settings.request_kinds import HEADERS

DEFAULTS = "defaults"
PROFILE = "profile"
HOST = "host"
NOT_IN_A_FILE = frozenset(
    {"config", "no-config", "profile", "show-config", "plan", "cleanup", "verify", "prune"}
)
"""Options that say what to do now. With `prune` in a file, one URL more would move all others."""
OF_ONE_URL = frozenset({"user", "out"})
"""Options that are about one URL of the command line."""
HEADER = "header"
_STRICTER_HOLDS = frozenset(key.replace("_", "-") for key in HOST_LIMITS)
_EXCLUDE_EACH_OTHER = (
    ("insecure", "cacert"),
    ("no-netrc", "netrc-file"),
    ("ipv4", "ipv6"),
    ("public-only", "proxy"),
    ("fail-fast", "allow-failures"),
    ("exec", "map"),
    ("exec", "discard"),
    ("map", "discard"),
    ("cluster", "cluster-file"),
    ("cluster", "processes"),
    ("cluster-file", "processes"),
)
"""Of these, what a file says gives way to what the user says for this run."""
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
    return not is_hidden and key_of(option) not in NOT_IN_A_FILE | OF_ONE_URL


HOST_KEYS = {HEADER if name == "headers" else name.replace("_", "-"): name for name in HOST_KINDS}
"""The names of hosts' settings, by their keys."""


def is_explicit(context: click.Context, key: str) -> bool:
    """Whether the command line, or a variable, has this option."""
    source = context.get_parameter_source(key.replace("-", "_"))
    return source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def excluded_by(context: click.Context, key: str) -> str | None:
    """The option of the user that excludes what the file says of this one; None: it holds."""
    if context.get_parameter_source(key.replace("-", "_")) is not ParameterSource.DEFAULT_MAP:
        return None
    for pair in _EXCLUDE_EACH_OTHER:
        other = pair[key == pair[0]]
        if key in pair and is_explicit(context, other) and context.params[other.replace("-", "_")]:
            return other
    return None


def options_over(
    configuration: Configuration, context: click.Context, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options as Click has them, and the headers of the file beside those of the user.

    What the file says is left out where the user has asked for what excludes it.
    """
    defaults, merged = configuration.defaults(), dict(options)
    for name in defaults:
        if excluded_by(context, name.replace("_", "-")):
            default = SETTINGS[name].default if name in SETTINGS else None
            merged[name] = False if options[name] is True else default
    # How files are computed with, or a cluster is talked to, may stand in a file, for the runs
    # that do so.
    for name in _meaningless(merged):
        if context.get_parameter_source(name) is ParameterSource.DEFAULT_MAP:
            merged[name] = SETTINGS[name].default
    if is_explicit(context, HEADER):
        configured = defaults.get(HEADER, ())
        merged[HEADER] = headers_over(HEADERS.check(options[HEADER]), configured)
    return merged


def _meaningless(options: Mapping[str, Any]) -> Iterator[str]:
    """The names of options that mean nothing beside the others."""
    if options["exec"] is None and options["map"] is None:
        yield from OF_COMPUTING
    if options["pack"] is None:
        yield from OF_PACKS
    if options["cluster_file"] is None:
        if options["cluster"] is None:
            yield from OF_A_CLUSTER
        elif not options["cluster"].startswith(ENCRYPTED):
            yield "cluster_tls"


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
