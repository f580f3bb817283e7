"""In a fresh clone, a second process compiles tests while the first one collects them.

For each assert, pytest writes code that shows its values: that takes twice as long as all else of
collecting. The second process begins with the last module, so that both meet in the middle.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest


class CompiledAhead:
    """A plugin, for systems on which a process can be forked."""

    def __init__(self) -> None:
        self._process = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        modules = [
            module
            for argument in session.config.args
            for module in sorted(Path(argument.partition("::")[0]).rglob("test_*.py"))
        ]
        if not modules or sys.dont_write_bytecode or _is_compiled(modules[-1]):
            return
        self._process = os.fork()
        if self._process == 0:
            _compile(session.config.rootpath, reversed(modules))

    def pytest_collection_finish(self) -> None:
        if self._process:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            self._process = 0


def _is_compiled(module: Path) -> bool:
    """Whether pytest has left its bytecode of this module."""
    return any((module.parent / "__pycache__").glob(f"{module.stem}.*pytest*.pyc"))


def _compile(root: Path, modules: Iterable[Path]) -> NoReturn:
    """Import them, by which pytest compiles them, and end."""
    for module in modules:
        name = ".".join(module.resolve().relative_to(root).with_suffix("").parts)
        with contextlib.suppress(Exception):  # the first process tells what is wrong with it
            importlib.import_module(name)
    os._exit(0)
