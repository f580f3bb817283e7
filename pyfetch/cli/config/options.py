"""Where the command is configured, beside its command line: a file, and variables.

Loaded at each start, so it only finds out whether there is a file. What is in the file is read by
`file` and checked by `reader`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from pyfetch.cli.click_types import FILE_NAME, GroupedOption
from pyfetch.errors import UsageError
from pyfetch.settings import Group

if TYPE_CHECKING:
    from pyfetch.cli.config.layers import Configuration

_VARIABLE = "PYFETCH_"
_NO_OPTIONS = frozenset({"PYFETCH_VERSION", "PYFETCH_HELP", "PYFETCH_TERMINAL_ENCODING"})
_OF_A_SERVICE = r"PYFETCH_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_.+)?"
"""What Kubernetes and Docker set in the containers beside a service of our name."""
_CHOICES = ("config", "no_config", "profile")
"""The options that say what is read: by their names."""
_CHOSEN = "pyfetch.cli.config.options.chosen"
_READ = "pyfetch.cli.config.options"


def configure(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Note one of the options that choose the configuration; with the last of them, read it.

    This is their callback. They are eager, so the values of the file are known as defaults before
    any other option is looked at. Raises `UsageError`.
    """
    chosen = context.meta.setdefault(_CHOSEN, {})
    chosen[parameter.name] = value
    if len(chosen) == len(_CHOICES) and not context.resilient_parsing:
        _check_variables(context)
        found = _read(context, **chosen)
        if found:
            context.meta[_READ] = found
            context.default_map = found.defaults()
    return value


def configuration_of(context: click.Context) -> Configuration | None:
    """What the file says; None without a file."""
    found: Configuration | None = context.meta.get(_READ)
    return found


def default_path() -> str | None:
    """Where the file is looked for (XDG Base Directory Specification); None without a home.

    `platformdirs` would say the same on Linux. But its import takes longer than all else of a
    start that finds no file, it takes a relative path from the environment, and on macOS it names
    a place that is not `~/.config`, where users of command lines look.
    """
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # noqa: PTH117 - a relative one is to be ignored
        base = os.path.expanduser("~/.config")  # noqa: PTH111 - Path raises an error
    return f"{base}/pyfetch/config.toml" if os.path.isabs(base) else None  # noqa: PTH117


def _read(
    context: click.Context, config: str | None, no_config: bool, profile: str | None
) -> Configuration | None:
    if no_config:
        for name, value in (("config", config), ("profile", profile)):
            if value and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise UsageError(f"--{name} and --no-config exclude each other")
        return None
    path = config or default_path()
    if path is None or (config is None and _is_missing(path)):
        if profile:
            raise UsageError(f"there is no profile {profile!r}: {path or 'a file'} is missing")
        return None
    from pyfetch.cli.config.file import read_config
    from pyfetch.cli.config.reader import layers_of

    return layers_of(read_config(path, is_named=config is not None), profile, context.command)


def _is_missing(path: str) -> bool:
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # Of a directory that we may not enter: the home is another user's, as under `sudo -u`.
        return True
    except OSError:  # reported when it is read
        pass
    return False


def _check_variables(context: click.Context) -> None:
    """Raise `UsageError` for a variable that looks like an option and is none."""
    variables = [name for name in os.environ if name.startswith(_VARIABLE)]
    if not variables:
        return
    options = [one for one in context.command.params if isinstance(one, click.Option)]
    known = {variable_of(one) for one in options if one.allow_from_autoenv} | _NO_OPTIONS
    for name in variables:
        if name in known or not os.environ[name] or re.fullmatch(_OF_A_SERVICE, name):
            continue
        from pyfetch.cli.spelling import nearest

        meant = nearest(name.removeprefix(_VARIABLE), (one[len(_VARIABLE) :] for one in known))
        hint = f" (did you mean {_VARIABLE}{meant}?)" if meant else ": unset it"
        raise UsageError(f"the variable {name} stands for no option{hint}")


def variable_of(parameter: click.Parameter) -> str:
    """The variable that stands for an option."""
    return f"{_VARIABLE}{str(parameter.name).upper()}"


CONFIG_OPTIONS = (
    GroupedOption(
        ("--config",),
        Group.CONFIGURATION,
        "Read this configuration, not `~/.config/pyfetch/config.toml`.",
        type=FILE_NAME,
        metavar="FILE",
        is_eager=True,
        callback=configure,
    ),
    GroupedOption(
        ("--no-config",),
        Group.CONFIGURATION,
        "Read no configuration.",
        is_flag=True,
        is_eager=True,
        callback=configure,
    ),
    GroupedOption(
        ("--profile",),
        Group.CONFIGURATION,
        "Use this profile of the configuration.",
        metavar="NAME",
        is_eager=True,
        callback=configure,
    ),
    GroupedOption(
        ("--show-config",),
        Group.CONFIGURATION,
        "Show the value of each option and where it comes from, and fetch nothing.",
        is_flag=True,
    ),
)
