"""`--exec`: a command for each file, without a shell, so that no name of a file can be one.

Its words are split once, as a shell splits them, and fields are filled in afterwards: what a URL or
a list says stays within its word. A word that would look like an option is made a path or refused.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

from pyfetch.compute.command_word import CommandWord, shown_argument
from pyfetch.compute.messages import Execute, Order, Setup
from pyfetch.compute.task import digest_of
from pyfetch.errors import UsageError
from pyfetch.models import Failure, Result, Target, TargetError
from pyfetch.naming.list_columns import column_text

_OPERATORS = r"\d?[<>]{1,3}(&\d)?|\|{1,2}|&{1,2}|;"
_INTERPRETERS = r"(a|ba|da|fi|k|mk|z)?sh|python[\d.]*|perl|ruby|node|php|lua|julia|Rscript|su"
_TAKES_CODE = r"-[A-Za-z]*[ce]"
_TAKE_VALUES = ("o", "O", "W", "X")
"""How options of interpreters end that have a value: `-o pipefail`, `-W error`."""


class CommandTask:
    """A command with fields. Raises `UsageError` if it cannot be read, or if there is no program.

    Fields are `{path} {name} {dir} {stem} {ext} {url} {index} {sha256}` and `{input.COLUMN}`;
    `{{` and `}}` are braces.
    """

    failure = Failure.EXEC

    def __init__(self, template: str, version: str | None = None) -> None:
        self._template = template
        self._parts = ("exec", template, version or "")
        self._identity = digest_of(self._parts)
        """That of each target, unless the list has a part in it."""
        words = self._split()
        ended = words.index("--") if "--" in words else len(words)
        self._words = [
            CommandWord(word, self._refused, follows_options=place > ended)
            for place, word in enumerate(words)
        ]
        self.columns = tuple(dict.fromkeys(name for word in self._words for name in word.columns))
        """The columns of the list that it is made from."""
        if self._words[0].has_fields:
            raise self._refused(
                f"its program is {words[0]!r}: neither a file nor a list decides what is run"
                " (write its name)"
            )
        self._check_code(words)
        self._program = self._found(words[0])

    def arguments(self, target: Target, result: Result) -> list[str]:
        """The program, as an absolute path, and its arguments, for a file that is there.

        Raises `TargetError` where what the URL or list says cannot be an argument.
        """
        path = result.path
        if path is None:
            raise TargetError(self.failure, "there is no file")
        arguments = [self._program]
        arguments += [word.filled(target, result, path) for word in self._words[1:]]
        return arguments

    def setup(self) -> Setup:
        return Setup(None)

    def order(self, target: Target, result: Result) -> Order:
        return Execute(self.arguments(target, result))

    def identity(self, target: Target) -> str:
        """A digest of its text, its version, and of what the list says in the columns it uses."""
        if not self.columns:
            return self._identity
        of_list = (column_text(target, name) or "" for name in self.columns)
        return digest_of((*self._parts, *of_list))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._template!r})"

    def _split(self) -> list[str]:
        if "\0" in self._template:
            raise self._refused("it has a NUL character in it")
        try:
            words = shlex.split(self._template)
            as_typed = shlex.split(self._template, posix=False)
        except ValueError as error:
            if "quot" in str(error):
                why = "a quotation mark is not closed (close it, or write \\ before it)"
            else:
                why = "it ends with a backslash (write \\\\ for one)"
            raise self._refused(why) from None
        if not words or not words[0]:
            raise UsageError("the command is empty (write one like 'unzip -q {path}')")
        for word in as_typed:
            if re.fullmatch(_OPERATORS, word):
                raise self._refused(
                    f"no shell runs it, so {word} would be an argument (quote it if it is one, else"
                    ' let a shell run: sh -c \'gzip < "$1" > "$1.gz"\' sh {path})'
                )
        return words

    def _check_code(self, words: list[str]) -> None:
        """Refuse fields in code: the name of a file would be run, not read."""
        for place, word in enumerate(words):
            if not re.fullmatch(_INTERPRETERS, os.path.basename(word)):  # noqa: PTH119
                continue
            for option in range(place + 1, len(words) - 1):
                is_operand = not words[option].startswith(("-", "+"))
                if is_operand and not words[option - 1].endswith(_TAKE_VALUES):
                    break
                if re.fullmatch(_TAKES_CODE, words[option]) and self._words[option + 1].has_fields:
                    raise self._refused(
                        f"{word} would run what the name of a file says (write the field as an"
                        ' argument of its own: sh -c \'gzip < "$1" > "$1.gz"\' sh {path})'
                    )

    def _found(self, program: str) -> str:
        found = shutil.which(program)
        if found:
            return str(Path(found).absolute())
        if os.sep not in program:
            raise self._refused(f"there is no program {program!r} in PATH")
        path = Path(program)
        if path.is_file():
            raise self._refused(f"{program} may not be run (chmod +x {shlex.quote(program)})")
        raise self._refused(
            f"{program} is a directory" if path.is_dir() else f"there is no {program}"
        )

    def _refused(self, why: str) -> UsageError:
        return UsageError(f"the command {shown_argument(self._template)} cannot be used: {why}")
