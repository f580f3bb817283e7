"""`--map` and `then=`: a function for each file, found before anything is fetched.

It runs in other processes, which get a `FunctionSpec`. A module that lies among the files, in the
output directory, could be replaced by one of them: its source is read once, here, and sent along.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Self

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

    def __init__(self, spec: FunctionSpec, identity: str) -> None:
        self.spec = spec
        self._identity = identity

    @classmethod
    def from_text(cls, text: str, version: str | None = None, output_dir: str = ".") -> Self:
        """The function that is called so: `MODULE:FUNCTION` or `FILE.py:FUNCTION`.

        Imports nothing. Modules are looked for where Python does, then in the current directory.
        Raises `UsageError` if there is no such module or file.
        """
        spec, digest = _found(text, Path(output_dir).resolve())
        return cls(spec, digest_of(("map", text, "=" + version if version else digest)))

    @classmethod
    def from_callable(cls, function: Callable[..., Any], version: str | None = None) -> Self:
        """A function of a program. Raises `UsageError` if no other process can get it."""
        spec, digest = _of_program(function)
        # That of a function says its name; that of another object, what it is made of.
        pickled = (spec.pickled or b"").hex()
        parts = ("map", spec.module, spec.name, pickled, "=" + version if version else digest)
        return cls(spec, digest_of(parts))

    def setup(self) -> Setup:
        return Setup(self.spec)

    def order(self, target: Target, result: Result) -> Order:  # noqa: ARG002 - as of a command
        if result.path is None:
            raise TargetError(self.failure, "there is no file")
        return Call(Path(result.path).absolute(), result)

    def identity(self, target: Target) -> str:  # noqa: ARG002 - as of a command
        """A digest of its name, and of its version or else of its module's source."""
        return self._identity

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec.shown!r})"


def _found(text: str, output_dir: Path) -> tuple[FunctionSpec, str]:
    """The function of this name, and the digest of its module's source."""
    where, colon, name = text.rpartition(":")
    if not colon or not where:
        raise _unusable(text, "it names no function (write MODULE:FUNCTION or FILE.py:FUNCTION)")
    if not _is_dotted(name):
        raise _unusable(text, f"{name!r} is no name of a function")
    spec = FunctionSpec(text, where, name, search_path=_search_path())
    if where.endswith(".py") or "/" in where:
        return _of_file(spec, Path(where), output_dir)
    if not _is_dotted(where):
        raise _unusable(text, f"{where!r} is neither a module nor a file FILE.py")
    found = _find_module(where, spec.search_path)
    if found is None:
        return _of_this_directory(spec, output_dir)
    if found.origin and found.submodule_search_locations is None and "." not in where:
        origin = Path(found.origin)
        if origin.suffix == ".py" and _is_within(output_dir, origin.parent):
            spec, digest = _of_file(spec, origin, output_dir)
            return replace(spec, module=where), digest
    return spec, _digest_of(found)


def _of_file(spec: FunctionSpec, file: Path, output_dir: Path) -> tuple[FunctionSpec, str]:
    try:
        source = file.read_bytes()
    except OSError as error:
        raise _unusable(spec.shown, f"{file} cannot be read: {error.strerror}") from None
    try:
        compile(source, str(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        at, why = f", line {line}" * bool(line), getattr(error, "msg", error)
        raise _unusable(spec.shown, f"{file}{at} is no Python: {why}") from None
    name = file.stem if spec.module.endswith(".py") else spec.module.replace("/", "_")
    known = not name.isidentifier() or _find_module(name, spec.search_path) is not None
    spec = replace(
        spec,
        module=f"_{name}_of_map" if known else name,
        file=str(file.absolute()),
        source=source,
        searches_beside=not _is_within(output_dir, file.absolute().parent),
    )
    return spec, hashlib.sha256(source).hexdigest()


def _of_this_directory(spec: FunctionSpec, output_dir: Path) -> tuple[FunctionSpec, str]:
    top = spec.module.partition(".")[0]
    here = Path.cwd()
    if top == spec.module and Path(f"{top}.py").is_file():
        spec, digest = _of_file(spec, Path(f"{top}.py"), output_dir)
        return replace(spec, module=top), digest
    found = _find_module(spec.module, (str(here),))
    if found is None:
        looked = f"{top!r}" if top == spec.module else f"{spec.module!r}"
        raise _unusable(
            spec.shown,
            f"there is no module {looked}, neither in {here} nor where Python looks for modules"
            " (PYTHONPATH)",
        )
    if _is_within(output_dir, here):
        raise _unusable(
            spec.shown,
            f"the package {top} is in the directory that files are saved in, where one of them"
            " could take its place (write -o DIR to save them elsewhere, or PYTHONPATH=.)",
        )
    return replace(spec, search_path=(*spec.search_path, str(here))), _digest_of(found)


def _of_program(function: Callable[..., Any]) -> tuple[FunctionSpec, str]:
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    name, module = str(named.__qualname__), str(getattr(named, "__module__", None) or MAIN)
    if "<lambda>" in name or "<locals>" in name:
        what = "a lambda" if "<lambda>" in name else "a function within another one"
        raise _unusable(
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
        raise _unusable(name, f"no other process can get it: {error}") from None
    spec = FunctionSpec(name, module, name, pickled=pickled, search_path=_search_path())
    if module not in (MAIN, IMPORTED_MAIN):
        return spec, _digest_of_file(getattr(sys.modules.get(module), "__file__", None))
    program = sys.modules[module]
    file = getattr(program, "__file__", None)
    if not file or not Path(file).is_file():
        raise _unusable(
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


def _search_path() -> tuple[str, ...]:
    return tuple(str(Path(place).absolute()) for place in sys.path)


def _find_module(name: str, search_path: tuple[str, ...]) -> ModuleSpec | None:
    """Where a module is, as far as that can be told without importing the packages it is in."""
    top, *inner = name.split(".")
    found: ModuleSpec | None = BuiltinImporter.find_spec(top) or FrozenImporter.find_spec(top)
    found = found or PathFinder.find_spec(top, list(search_path))
    if found is None and top in sys.modules:
        found = importlib.util.find_spec(top)  # by a way of the program's own
    for length in range(len(inner)):
        if found is None or found.submodule_search_locations is None:
            return None
        whole = ".".join((top, *inner[: length + 1]))
        found = PathFinder.find_spec(whole, list(found.submodule_search_locations))
    if found and found.origin is None and found.loader is None:
        return None if not inner else found  # any directory is a package without a file
    return found


def _is_within(output_dir: Path, directory: Path) -> bool:
    """Whether files are saved here, so that one of them could be taken for a module."""
    return output_dir in (resolved := directory.resolve(), *resolved.parents)


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _digest_of(module: ModuleSpec) -> str:
    return _digest_of_file(module.origin) if module.has_location else ""


def _digest_of_file(file: str | None) -> str:
    try:
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except OSError:
        return ""  # a module that is built in


def _unusable(shown: str, why: str) -> UsageError:
    return UsageError(f"the function {shown[:200]!r} cannot be used: {why}")
