"""Finds the function of `--map` without importing anything: files may come before it is imported.

A module that lies where files are saved could be replaced by one of them, or by one beside it: its
source is read once, here, and sent to the processes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from dataclasses import replace
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path

from pyfetch.compute.messages import FunctionSpec
from pyfetch.errors import UsageError


def find_function(text: str, output_dir: Path) -> tuple[FunctionSpec, str]:
    """The function that is called so, and the digest of its module's source.

    `output_dir`: where files are saved, without links. Imports nothing. Raises `UsageError`.
    """
    where, colon, name = text.rpartition(":")
    if not colon or not where:
        raise unusable_function(
            text, "it names no function (write MODULE:FUNCTION or FILE.py:FUNCTION)"
        )
    if not _is_dotted(name):
        raise unusable_function(text, f"{name!r} is no name of a function")
    spec = FunctionSpec(text, where, name, search_path=modules_path())
    if where.endswith(".py") or "/" in where:
        return _of_file(spec, Path(where), output_dir)
    if not _is_dotted(where):
        raise unusable_function(text, f"{where!r} is neither a module nor a file FILE.py")
    found = _find_module(where, spec.search_path)
    if found is None:
        return _of_this_directory(spec, output_dir)
    if found.origin and found.submodule_search_locations is None and "." not in where:
        origin = Path(found.origin)
        if origin.suffix == ".py" and _is_within(output_dir, origin.parent):
            spec, digest = _of_file(spec, origin, output_dir)
            return replace(spec, module=where), digest
    return spec, _digest_of(found)


def found_here(spec: FunctionSpec, digest: str) -> FunctionSpec:
    """A function that was found on another machine, on this one; a source comes with it.

    `digest`: that of its module's source; empty: whichever that is. Raises `UsageError`.
    """
    own = modules_path()
    elsewhere = (place for place in spec.search_path if place not in own)
    spec = replace(spec, search_path=(*own, *elsewhere))
    if spec.source is None:
        found = _find_module(spec.module, spec.search_path)
        if found is None:
            raise unusable_function(spec.shown, f"there is no module {spec.module!r}")
        if digest and _digest_of(found) != digest:
            raise unusable_function(
                spec.shown,
                f"{found.origin} is not the same as where the run was started (install the same"
                " version, or give both a name with --exec-version)",
            )
    return spec


def _of_file(spec: FunctionSpec, file: Path, output_dir: Path) -> tuple[FunctionSpec, str]:
    try:
        source = file.read_bytes()
    except OSError as error:
        raise unusable_function(spec.shown, f"{file} cannot be read: {error.strerror}") from None
    try:
        compile(source, str(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        at, why = f", line {line}" * bool(line), getattr(error, "msg", error)
        raise unusable_function(spec.shown, f"{file}{at} is no Python: {why}") from None
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
        raise unusable_function(
            spec.shown,
            f"there is no module {looked}, neither in {here} nor where Python looks for modules"
            " (PYTHONPATH)",
        )
    if _is_within(output_dir, here):
        raise unusable_function(
            spec.shown,
            f"the package {top} is in the directory that files are saved in, where one of them"
            " could take its place (write -o DIR to save them elsewhere, or PYTHONPATH=.)",
        )
    return replace(spec, search_path=(*spec.search_path, str(here))), _digest_of(found)


def modules_path() -> tuple[str, ...]:
    """Where modules are looked for, so that another process does so, too."""
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
    return digest_of_file(module.origin) if module.has_location else ""


def digest_of_file(file: str | None) -> str:
    """The sha256 of a module's file; empty where there is none."""
    try:
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except OSError:
        return ""  # a module that is built in


def unusable_function(shown: str, why: str) -> UsageError:
    """The error for a function that is called so."""
    return UsageError(f"the function {shown[:200]!r} cannot be used: {why}")
