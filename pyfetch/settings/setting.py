"""One setting: all that the checks, the command line and the documentation need to know of it."""

from dataclasses import Field, field
from enum import StrEnum
from typing import Any, NamedTuple, Self

from pyfetch.settings.kinds import Flag, Kind


class Group(StrEnum):
    """The groups in which `--help` shows the options: each is named for a task."""

    FILES = "Save files"
    LISTS = "Read lists"
    CHECKS = "Check what comes"
    REQUESTS = "Log in and send headers"
    SERVERS = "Connect to servers"
    TRANSFERS = "Fetch faster or slower"
    FAILURES = "Wait, try again, give up"
    COMPUTING = "Compute with the files"
    OUTPUT = "Show results"
    CONFIGURATION = "Use a configuration"
    HELP = "Get help"


_KEY = "setting"


class Setting(NamedTuple):
    """A setting, as the metadata of the field of `Settings` that has its value."""

    group: Group
    default: object
    kind: Kind
    flags: tuple[str, ...]
    """Of its option: the short one first. None: the command line has no option for it."""
    help: str
    """One sentence or several; backticks enclose what is typed as it stands."""
    metavar: str
    """What stands for the value in `--help`."""

    @classmethod
    def field(
        cls, group: Group, default: object, kind: Kind, flags: str, text: str, metavar: str = ""
    ) -> Any:
        """The field of a dataclass for this setting. `flags`: as in `--help`; `text`: the help."""
        names = tuple(flags.split(", ")) if flags else ()
        known = cls(group, default, kind, names, text, metavar or kind.metavar)
        return field(default=default, metadata={_KEY: known})

    @classmethod
    def of(cls, one: Field[Any]) -> Self:
        """The setting behind a field that `Setting.field` has made."""
        known: Self = one.metadata[_KEY]
        return known

    @property
    def negated(self) -> bool:
        """Whether its only flag turns off what is on by default, as `--no-state` does."""
        on_and_off = any("/" in flag for flag in self.flags)
        return isinstance(self.kind, Flag) and self.default is True and not on_and_off
