"""What a run and the processes that compute for it say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from pyfetch.models import Change, Outcome, Result

MAIN = "__main__"
"""The module of the program itself."""
IMPORTED_MAIN = "__mp_main__"
"""What the program's module is called in another process, as `multiprocessing` calls it."""
BEING_IMPORTED = "__pyfetch_imports_it__"
"""What the program's module has while another process runs it to get at its functions."""
_OUTCOME, _CHANGE, _TIMING = map(Result._fields.index, ("outcome", "change", "timing"))


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """How another process gets the function. May be pickled."""

    shown: str
    """What it is called in messages."""
    module: str
    name: str
    """Of the function in its module: `make`, or `Class.method`."""
    file: str | None = None
    """The module's file, whose `source` is run; None: the module is imported."""
    source: bytes | None = None
    package: str | None = None
    """What relative imports of `source` start from."""
    pickled: bytes | None = None
    """The function itself, of a program; it is unpickled once its module is there."""
    search_path: tuple[str, ...] = ()
    """Where modules are looked for."""
    searches_beside: bool = True
    """Whether they are looked for in the directory of `file`, too."""


class Setup(NamedTuple):
    """The first message to a process: what it is for."""

    function: FunctionSpec | None
    """Where the function is; None: the process runs commands."""


class Ready(NamedTuple):
    """The process can compute."""


class NotLoaded(NamedTuple):
    """The process cannot compute at all: the function cannot be loaded."""

    why: str
    """A sentence for people."""


class Call(NamedTuple):
    """Call the function for this file."""

    path: str
    fields: tuple[Any, ...]
    """Those of the result, with the texts of what takes long to pickle, and without `timing`."""

    @classmethod
    def of(cls, path: str, result: Result) -> Self:
        fields: list[Any] = [*result]  # `_replace` takes three times as long
        fields[_OUTCOME] = result.outcome.value
        fields[_CHANGE] = result.change and result.change.value
        fields[_TIMING] = None
        return cls(path, tuple(fields))

    @property
    def result(self) -> Result:
        result = Result(*self.fields)
        return result._replace(
            outcome=Outcome(result.outcome),
            change=result.change and Change(result.change),
        )


class Execute(NamedTuple):
    """Run this command."""

    arguments: list[str]


class Succeeded(NamedTuple):
    """The task has ended well."""

    value: str | None
    """The value as JSON text; None: a command has none."""


class Failed(NamedTuple):
    """The task has failed, and the process goes on."""

    detail: str
    """Why, as a sentence for people."""
    is_killed: bool = False
    """Whether a signal has ended the command."""


class LotEnded(NamedTuple):
    """Behind the last reply to a lot of orders: those that have no reply were not begun."""

    seconds: float
    """How long the tasks took, all together."""


Order = Call | Execute
Reply = Succeeded | Failed
