"""`--map` and `then=`: a function that other processes can get, or a sentence why they cannot."""

from __future__ import annotations

import functools
import json
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyfetch.compute.function_task import FunctionTask
from pyfetch.compute.loaded_function import exception_in_short, load
from pyfetch.errors import UsageError
from pyfetch.models import Outcome, Result, Target
from pyfetch.urls import parse_url

TARGET = Target(1, parse_url("http://h/x"))
RESULT = Result(1, "http://h/x", Outcome.FETCHED, file="x")
THUMBS = "def make(path, result):\n    return [str(path), result.index]\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory, and an interpreter that keeps nothing of what a test imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = dict(sys.modules)
    yield tmp_path
    sys.modules.clear()
    sys.modules.update(before)


def module(name: str, source: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source))
    return path


def loaded(text: str, output_dir: str = "data") -> Callable[..., Any]:
    """The function of this name, as another process gets it."""
    spec = FunctionTask.from_text(text, None, output_dir).spec
    return load(pickle.loads(pickle.dumps(spec)))  # noqa: S301 - our own


def why_refused(text: str, output_dir: str = "data") -> str:
    """Why there is no such function, as one sentence."""
    with pytest.raises(UsageError) as caught:
        loaded(text, output_dir)
    message = str(caught.value)
    assert message.startswith(f"the function {text!r} cannot be used: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("text", ["thumbs:make", "thumbs.py:make", "./thumbs.py:make"])
@pytest.mark.parametrize("output_dir", ["data", "."])
def test_a_function_is_found_in_a_module_or_file_of_this_directory(
    text: str, output_dir: str
) -> None:
    module("thumbs.py", THUMBS)
    assert loaded(text, output_dir)(Path("x"), RESULT) == ["x", 1]


@pytest.mark.parametrize("text", ["lib/thumbs.py:make", "lib.thumbs:make", "lib:inner.make"])
def test_a_function_is_found_in_a_package_or_other_directory(text: str) -> None:
    module("lib/thumbs.py", THUMBS)
    module("lib/__init__.py", "from . import thumbs as inner\n")
    assert loaded(text)(Path("x"), RESULT) == ["x", 1]


def test_an_absolute_file_with_any_name_is_a_module(here: Path) -> None:
    module("my thumbs-2", THUMBS)
    assert loaded(f"{here}/my thumbs-2:make")(Path("x"), RESULT) == ["x", 1]


def test_a_method_is_a_function() -> None:
    module("m.py", "class C:\n    @staticmethod\n    def make(path, result): return 5\n")
    assert loaded("m:C.make")(Path(), RESULT) == 5


def test_modules_of_python_come_before_those_of_this_directory() -> None:
    """What was downloaded here may be called as they are."""
    module("json/__init__.py", "def loads(*_): return 'not this one'\n")
    module("textwrap.py", "def fill(*_): return 'not this one'\n")
    assert loaded("textwrap:indent", ".") is textwrap.indent
    assert loaded("json:dump", ".") is json.dump
    assert loaded("./textwrap.py:fill", ".")() == "not this one"
    assert "textwrap.py" in why_refused("textwrap:nothing")
    assert sys.modules["textwrap"] is textwrap


def test_finding_a_function_runs_nothing_of_it() -> None:
    """What it does while it is imported happens in the other process alone."""
    module("touch.py", "open('touched', 'w')\ndef f(path, result): ...\n")
    module("pkg/__init__.py", "open('touched', 'w')\n")
    module("pkg/inner.py", "def f(path, result): ...\n")
    for text in ("touch:f", "touch.py:f", "pkg.inner:f", "pkg/inner.py:f"):
        FunctionTask.from_text(text, None, "data")
    assert not Path("touched").exists()


# What is among the files


def test_the_source_is_the_one_that_was_there_before_files_came() -> None:
    """A file of the run may take the place of the module."""
    module("thumbs.py", THUMBS)
    spec = FunctionTask.from_text("thumbs:make", None, ".").spec
    module("thumbs.py", "def make(path, result): return 'of a stranger'\n")
    assert load(spec)(Path("x"), RESULT) == ["x", 1]


def test_that_is_so_for_a_module_that_python_finds_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """`PYTHONPATH=.`, or `python -m pyfetch`, which looks into the current directory."""
    monkeypatch.syspath_prepend(".")
    module("thumbs.py", THUMBS)
    spec = FunctionTask.from_text("thumbs:make", None, ".").spec
    module("thumbs.py", "def make(path, result): return 'of a stranger'\n")
    assert load(spec)(Path("x"), RESULT) == ["x", 1]
    assert spec.module == "thumbs"


@pytest.mark.parametrize("output_dir", [".", ".."])
def test_no_module_is_imported_from_where_files_are_saved(output_dir: str) -> None:
    module("thumbs.py", "import beside\n" + THUMBS)
    module("beside.py", "")
    assert "write -o DIR" in (why := why_refused("thumbs.py:make", output_dir))
    assert "No module named 'beside' (thumbs.py, line 1)" in why


def test_no_package_is_imported_from_where_files_are_saved() -> None:
    module("lib/thumbs.py", THUMBS)
    assert "write -o DIR" in why_refused("lib.thumbs:make", ".")


@pytest.mark.parametrize("text", ["thumbs:make", "thumbs.py:make"])
def test_modules_beside_it_are_imported_where_no_files_are_saved(text: str) -> None:
    module("thumbs.py", "import beside_it\n" + THUMBS)
    module("beside_it.py", "")
    assert loaded(text)(Path("x"), RESULT) == ["x", 1]


# Functions that cannot be used


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it names no function (write MODULE:FUNCTION or FILE.py:FUNCTION)"),
        ("thumbs", "it names no function"),
        ("thumbs.py", "it names no function"),
        (":make", "it names no function"),
        ("m:", "'' is no name of a function"),
        ("m:1", "'1' is no name of a function"),
        ("m:f()", "'f()' is no name of a function"),
        ("a b:f", "'a b' is neither a module nor a file FILE.py"),
        ("no_such:f", "there is no module 'no_such', neither in /"),
        ("no.such:f", "there is no module 'no.such', neither in /"),
        ("json.no_such:f", "there is no module 'json.no_such'"),
        ("no_such.py:f", "no_such.py cannot be read: No such file or directory"),
        ("wrong.py:f", "wrong.py, line 2 is no Python: "),
        ("wrong:f", "wrong.py, line 2 is no Python: "),
        ("nul.py:f", "nul.py is no Python: "),
        ("m:nothing", "there is no 'nothing' in m ("),
        ("m:f.g", "there is no 'f.g' in m ("),
        ("m:number", "it is no function but of type int"),
        ("m:none", "it is called with two arguments, path and result: too many positional"),
        ("m:three", "it is called with two arguments, path and result: missing a required"),
        ("m:late", "it is a coroutine function (write def without async)"),
        ("broken:f", "broken.py does not import: ZeroDivisionError: division by zero (broken.py, "),
        ("leaves.py:f", "leaves.py does not import: SystemExit: 5 (leaves.py, line 2)"),
        ("needs:f", "needs.py does not import: ModuleNotFoundError: No module named 'no_such_"),
        ("needs:f", f"; packages are those of the Python that runs pyfetch, {sys.executable}"),
        ("pkg.needs:f", "pkg.needs does not import: ImportError: cannot import name 'x' from 'jso"),
        ("indirect:f", "SyntaxError: "),
    ],
)
def test_a_function_that_cannot_be_used_is_refused_and_says_why(text: str, why: str) -> None:
    module("wrong.py", "x = 1\ndef f(:\n")
    module("nul.py", "x = '\0'\n")
    module(
        "m.py",
        """
        number = 5
        def f(path, result): ...
        def none(): ...
        def three(path, result, more): ...
        async def late(path, result): ...
        """,
    )
    module("broken.py", "1 / 0\n")
    module("leaves.py", "import sys\nsys.exit(5)\n")
    module("needs.py", "import no_such_module\n")
    module("pkg/needs.py", "from json import x\n")
    module("indirect.py", "import wrong\n")
    assert why in why_refused(text)


# Functions of a program


def of_a_module(path: Path, result: Result, times: int = 1) -> int:
    return result.index * times


class Counting:
    """An object that is called."""

    def __init__(self, start: int) -> None:
        self.start = start

    def __call__(self, path: Path, result: Result) -> int:
        return self.start + result.index

    def method(self, path: Path, result: Result) -> int:
        return self.start - result.index


def again(function: Callable[..., Any]) -> Any:
    """What it returns, as another process gets it."""
    return load(FunctionTask.from_callable(function).spec)(Path("x"), RESULT)


def test_a_function_object_or_method_of_a_module_is_taken() -> None:
    assert again(of_a_module) == 1
    assert again(functools.partial(of_a_module, times=5)) == 5
    assert again(Counting(7)) == 8
    assert again(Counting(7).method) == 6


def test_what_no_other_process_can_get_is_refused_and_says_what_to_do() -> None:
    def inner(path: Path, result: Result) -> None: ...

    class Locked:
        def __init__(self) -> None:
            self.file = Path(os.devnull).open()  # noqa: SIM115

        def __call__(self, path: Path, result: Result) -> None: ...

    Locked.__qualname__ = "Locked"
    locked = Locked()
    cases: list[tuple[Callable[..., Any], str]] = [
        (lambda path, result: 5, "it is a lambda, which no other process can get: write it as a"),
        (functools.partial(inner), "it is a function within another one"),
        (locked, "no other process can get it: "),
    ]
    for function, why in cases:
        with pytest.raises(UsageError) as caught:
            FunctionTask.from_callable(function)
        assert why in str(caught.value)
    locked.file.close()


SCRIPT = """
import json, multiprocessing, pickle, sys
from pathlib import Path
from pyfetch.compute.function_task import FunctionTask

def square(path, result):
    return result ** 2

task = FunctionTask.from_callable(square)
Path("spec").write_bytes(pickle.dumps(task.spec))
print(task.identity(None))
"""
OTHER_PROCESS = """
import pickle
from pathlib import Path
from pyfetch.compute.loaded_function import load

try:
    print(load(pickle.loads(Path("spec").read_bytes()))(Path(), 7))
except Exception as error:
    print(error)
"""


def run(source: str, *, typed: bool = False) -> str:
    """What Python says when it runs this."""
    Path("script.py").write_text(source)
    arguments = ["-c", source] if typed else ["script.py"]
    ended = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_function_of_a_script_is_taken_with_the_script() -> None:
    """With `if __name__ == "__main__"`, as everywhere where Python starts processes."""
    before, after = SCRIPT.split("\ntask = ")
    begin = "\nif __name__ == '__main__':\n    task = "
    assert "Traceback" not in run(before + begin + after.replace("\n", "\n    "))
    assert run(OTHER_PROCESS) == "49\n"


@pytest.mark.slow
def test_a_script_that_starts_a_run_when_it_is_imported_is_told_so() -> None:
    assert "Traceback" not in run(SCRIPT)
    assert "below  if __name__ == '__main__':" in run(OTHER_PROCESS)


@pytest.mark.slow
def test_a_function_that_was_typed_into_python_says_so() -> None:
    said = run(SCRIPT, typed=True).splitlines()[-1]
    assert "the function 'square' cannot be used: it was typed into Python" in said


# What is remembered


def identity(text: str, version: str | None = None) -> str:
    return FunctionTask.from_text(text, version, "data").identity(TARGET)


def test_a_function_is_another_one_once_its_module_s_file_has_changed() -> None:
    module("thumbs.py", THUMBS)
    module("pkg/m.py", THUMBS)
    before = [identity("thumbs:make"), identity("thumbs.py:make"), identity("pkg.m:make")]
    assert [*map(identity, ("thumbs:make", "thumbs.py:make", "pkg.m:make"))] == before
    assert len({*before, identity("thumbs:other")}) == 4
    module("thumbs.py", THUMBS + "\n")
    module("pkg/m.py", THUMBS + "\n")
    after = [identity("thumbs:make"), identity("thumbs.py:make"), identity("pkg.m:make")]
    assert not {*before} & {*after}


def test_a_version_stands_in_place_of_the_source() -> None:
    module("thumbs.py", THUMBS)
    before = identity("thumbs:make", "1")
    module("thumbs.py", THUMBS + "\n")
    assert identity("thumbs:make", "1") == before
    assert identity("thumbs:make", "2") != before


def test_a_function_of_a_program_has_the_identity_of_its_module_and_what_is_bound_to_it() -> None:
    functions: list[Callable[..., Any]] = [
        of_a_module,
        functools.partial(of_a_module, times=5),
        functools.partial(of_a_module, times=6),
        Counting(1),
        Counting(2),
        Counting(2).method,
    ]
    identities = [FunctionTask.from_callable(one).identity(TARGET) for one in functions]
    assert len({*identities}) == len(functions)
    assert FunctionTask.from_callable(of_a_module).identity(TARGET) == identities[0]
    assert FunctionTask.from_callable(of_a_module, "1").identity(TARGET) != identities[0]
    assert FunctionTask.from_callable(len).spec.source is None


# Exceptions


def test_an_exception_is_told_on_one_line_with_the_place_it_came_from() -> None:
    def fails(text: str) -> BaseException:
        try:
            raise LookupError(text)
        except LookupError as error:
            return error

    short = exception_in_short(fails("not\n  there"))
    assert short.startswith("LookupError: not there (test_function_task.py, line ")
    assert len(exception_in_short(fails("x" * 10_000))) < 600
    assert exception_in_short(ValueError()) == "ValueError"


def test_the_place_of_an_exception_is_the_user_s_own_line() -> None:
    """Not one of the library that it has called."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - any will do
        json.loads("{")
    assert "(decoder.py, line" in exception_in_short(caught.value)
    assert "(test_function_task.py, line" in exception_in_short(caught.value, __file__)
    assert "(decoder.py, line" in exception_in_short(caught.value, "/other.py")
