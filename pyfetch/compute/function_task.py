"""`--map` and `then=`: a function for each file, found before anything is fetched.

It runs in other processes, which get a `FunctionSpec`.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pyfetch.compute.found_function import (
    digest_of_file,
    find_function,
    found_here,
    modules_path,
    unusable_function,
)
from pyfetch.compute.messages import (
    BEING_IMPORTED,
    IMPORTED_MAIN,
    MAIN,
    Call,
    FunctionSpec,
    Order,
    Setup,
)
from pyfetch.compute.task import digest_of
from pyfetch.errors import UsageError
from pyfetch.models import Failure, Result, Target, TargetError

_PICKLE_PROTOCOL = 4
"""A fixed one: what is remembered of a function holds for another version of Python, too."""


class FunctionTask:
    """A function for each file."""

    failure = Failure.MAP
    columns: tuple[str, ...] = ()

    def __init__(self, spec: FunctionSpec, identity: str, digest: str = "") -> None:
        """`digest`: that of its module's source; empty: whichever that is."""
        self.spec = spec
        self._identity = identity
        self._digest = digest

    @classmethod
    def from_text(cls, text: str, version: str | None = None, output_dir: str = ".") -> Self:
        """The function that is called so: `MODULE:FUNCTION` or `FILE.py:FUNCTION`.

        Imports nothing. Modules are looked for where Python does, then in the current directory.
        Raises `UsageError` if there is no such module or file.
        """
        spec, digest = find_function(text, Path(output_dir).resolve())
        of_source = "=" + version if version else digest
        return cls(spec, digest_of(("map", text, of_source)), "" if version else digest)

    @classmethod
    def from_callable(cls, function: Callable[..., Any], version: str | None = None) -> Self:
        """A function of a program. Raises `UsageError` if no other process can get it."""
        spec, digest = _of_program(function)
        # That of a function says its name; that of another object, what it is made of.
        pickled = (spec.pickled or b"").hex()
        parts = ("map", spec.module, spec.name, pickled, "=" + version if version else digest)
        return cls(spec, digest_of(parts), "" if version else digest)

    def found_here(self) -> Self:
        """The same function on another machine than that on which it was found.

        Raises `UsageError` if its module is not here, or has another source.
        """
        return type(self)(found_here(self.spec, self._digest), self._identity)

    def setup(self) -> Setup:
        return Setup(self.spec)

    def order(self, target: Target, result: Result) -> Order:  # noqa: ARG002 - as of a command
        if result.file is None:
            raise TargetError(self.failure, "there is no file")
        path = os.path.join(os.getcwd(), result.file)  # noqa: PTH109, PTH118 - takes a tenth
        return Call.of(path, result)

    def identity(self, target: Target) -> str:  # noqa: ARG002 - as of a command
        """A digest of its name, and of its version or else of its module's source."""
        return self._identity

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec.shown!r})"


def _of_program(function: Callable[..., Any]) -> tuple[FunctionSpec, str]:
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    name, module = str(named.__qualname__), str(getattr(named, "__module__", None) or MAIN)
    if "<lambda>" in name or "<locals>" in name:
        what = "a lambda" if "<lambda>" in name else "a function within another one"
        raise unusable_function(
            name,
            f"it is {what}, which no other process can get: write it as a function of a module,"
            " with def at the left margin",
        )
    if hasattr(sys.modules.get(MAIN), BEING_IMPORTED):
        raise UsageError(
            "this program starts a run where a process imports its functions: write what starts it"
            " below  if __name__ == '__main__':"
        )
    try:
        pickled = pickle.dumps(function, _PICKLE_PROTOCOL)
    except Exception as error:  # objects say by themselves how they are pickled
        raise unusable_function(name, f"no other process can get it: {error}") from None
    spec = FunctionSpec(name, module, name, pickled=pickled, search_path=modules_path())
    if module not in (MAIN, IMPORTED_MAIN):
        return spec, digest_of_file(getattr(sys.modules.get(module), "__file__", None))
    program = sys.modules[module]
    file = getattr(program, "__file__", None)
    if not file or not Path(file).is_file():
        raise unusable_function(
            name,
            "it was typed into Python, where no other process finds it: write it into a file, and"
            " import that",
        )
    source = Path(file).read_bytes()
    spec = replace(
        spec,
        module=IMPORTED_MAIN,
        file=str(Path(file).absolute()),
        source=source,
        package=getattr(program, "__package__", None) or None,
    )
    return spec, hashlib.sha256(source).hexdigest()
