"""`-o` and `-O` as users of other tools type them: a directory, and the file of one URL."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from pyfetch.errors import UsageError
from pyfetch.urls import is_url, masked_url

_LIKE_A_FILE = r"[^/.][^/]*\.(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{1,5}"
_NO_STANDARD_OUTPUT = (
    "{} - would write to standard output, which has the results: name a directory (-o DIR) or a"
    " file (-O FILE), or type: curl URL"
)


def check_output_dir(output_dir: str, sources: Sequence[str]) -> None:
    """Raises `UsageError` for what `-o` means to curl and wget: a file, or standard output."""
    if output_dir == "-":
        raise UsageError(_NO_STANDARD_OUTPUT.format("-o"))
    if is_url(output_dir):  # a bucket, where there are no directories
        return
    one_url = len(sources) == 1 and is_url(sources[0])
    name = os.path.basename(output_dir)  # noqa: PTH119 - a Path drops the slash at the end
    if one_url and re.fullmatch(_LIKE_A_FILE, name) and not os.path.lexists(output_dir):
        raise UsageError(
            f"-o takes a directory, and {output_dir} looks like a file: write -O {output_dir} to"
            f" save the URL as that file, or -o {output_dir}/ to make that directory"
        )


def place_of_one(
    out: str, output_dir: str | None, sources: Sequence[str], *, discard: bool
) -> tuple[str, str]:
    """The output directory, and the path below it, of `-O FILE` for one URL.

    `output_dir`: that of `-o`; None if there is none, and the directory of FILE is taken. Raises
    `UsageError`.
    """
    if out == "-":
        raise UsageError(_NO_STANDARD_OUTPUT.format("-O"))
    if is_url(out):
        raise UsageError(
            "-O takes the name of a file, as in wget. curl's -O is not needed: each file is named"
            f" after its URL (pyfetch {' '.join(map(masked_url, (out, *sources)))})"
        )
    if len(sources) != 1 or not is_url(sources[0]):
        raise UsageError(
            f"-O {out} names the file of one URL: give one URL, or write out={out} after the URL in"
            " the list, or choose all names with --name TEMPLATE"
        )
    if discard:
        raise UsageError("--discard saves no file: leave -O out")
    directory, name = os.path.split(out)
    if not name or os.path.isdir(out):  # noqa: PTH112 - `out` may end in a slash
        raise UsageError(f"-O {out} is a directory: write -o {out}")
    if output_dir is None:
        output_dir, path = directory or ".", name
    elif os.path.isabs(out) or ".." in out.split("/"):  # noqa: PTH117
        raise UsageError(f"-O {out} is not below -o {output_dir}: leave one of them out")
    else:
        path = out
    return output_dir, _checked(path)


def _checked(path: str) -> str:
    from unicodedata import normalize

    from pyfetch.naming.components import fault

    for component in path.split("/"):
        reason = fault(normalize("NFC", component))
        if reason and component not in ("", "."):
            raise UsageError(
                f"-O cannot name a file {component}: {reason} (choose another name, and rename it"
                " afterwards)"
            )
    return path
