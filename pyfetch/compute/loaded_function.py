"""In the process of a function: imports its module, and says in a sentence why it cannot."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pyfetch.compute.messages import BEING_IMPORTED, IMPORTED_MAIN, MAIN, FunctionSpec
from pyfetch.errors import UsageError

_LONGEST = 500
_replaced: list[object] = []
"""Modules of this process that others took the place of: their functions may be running."""


def load(spec: FunctionSpec) -> Callable[..., Any]:
    """Import the function's module and return the function.

    Raises `UsageError` if the module does not import, or if there is no such function in it.
    """
    sys.path[:] = [*spec.search_path]
    try:
        if spec.source is not None:
            _run_source(spec, spec.source)
        function = pickle.loads(spec.pickled) if spec.pickled else _named(spec)  # noqa: S301 - ours
    except UsageError:
        raise
    except BaseException as error:  # what a module does while it is imported is up to it
        raise UsageError(_why_not_imported(spec, error)) from None
    _check_call(spec, function)
    return function  # type: ignore[no-any-return]


def exception_in_short(error: BaseException, file: str | None = None) -> str:
    """An exception on one line: its type and text, and the line of code that it came from.

    Where `file` took part, it is the line there, and not one of what that has called.
    """
    said = " ".join("".join(traceback.format_exception_only(error)).split())
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or [
        frame for frame in frames if not frame.filename.startswith("<frozen importlib")
    ]
    if len(said) > _LONGEST:
        said = f"{said[:_LONGEST]}…"
    # A syntax error says by itself where it is.
    if not own or own[-1].filename == __file__ or isinstance(error, SyntaxError):
        return said
    return f"{said} ({Path(own[-1].filename).name}, line {own[-1].lineno})"


def _run_source(spec: FunctionSpec, source: bytes) -> None:
    assert spec.file is not None  # noqa: S101
    directory = str(Path(spec.file).parent)
    if spec.searches_beside and directory not in sys.path:
        sys.path.append(directory)
    module = ModuleType(spec.module)
    module.__file__ = spec.file
    module.__package__ = spec.package or ""
    names = (MAIN, IMPORTED_MAIN) if spec.module == IMPORTED_MAIN else (spec.module,)
    for name in names:
        _replaced.append(sys.modules.get(name))
        sys.modules[name] = module
    setattr(module, BEING_IMPORTED, True)
    exec(compile(source, spec.file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the user's own
    delattr(module, BEING_IMPORTED)


def _named(spec: FunctionSpec) -> Any:
    module = sys.modules[spec.module] if spec.source else importlib.import_module(spec.module)
    found: Any = module
    for part in spec.name.split("."):
        if not hasattr(found, part):
            where = f" ({module.__file__})" if getattr(module, "__file__", None) else ""
            raise _not_usable(spec, f"there is no {spec.name!r} in {spec.module}{where}")
        found = getattr(found, part)
    return found


def _check_call(spec: FunctionSpec, function: Any) -> None:
    if not callable(function):
        raise _not_usable(spec, f"it is no function but of type {type(function).__name__}")
    if inspect.iscoroutinefunction(function):
        raise _not_usable(spec, "it is a coroutine function (write def without async)")
    try:
        inspect.signature(function).bind(Path(), None)
    except TypeError as error:
        raise _not_usable(
            spec, f"it is called with two arguments, path and result: {error}"
        ) from None
    except ValueError:
        pass  # some that are built in do not say what they take


def _why_not_imported(spec: FunctionSpec, error: BaseException) -> str:
    what = Path(spec.file).name if spec.file else spec.module
    why = f"{what} does not import: {exception_in_short(error, spec.file)}"
    if isinstance(error, ModuleNotFoundError) and spec.file and not spec.searches_beside:
        why += (
            "; modules beside it are not looked at, as files are saved there (write -o DIR to save"
            " them elsewhere, or PYTHONPATH=DIR)"
        )
    elif isinstance(error, ModuleNotFoundError):
        # Another Python may well have it, where pyfetch was installed by pipx or uv.
        why += f"; packages are those of the Python that runs pyfetch, {sys.executable}"
    return str(_not_usable(spec, why))


def _not_usable(spec: FunctionSpec, why: str) -> UsageError:
    return UsageError(f"the function {spec.shown[:200]!r} cannot be used: {why}")
