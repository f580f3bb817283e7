"""What the command shows, where, and which reports it writes."""

from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from pyfetch.errors import UsageError
from pyfetch.output.terminals import can_draw
from pyfetch.value import Value

if TYPE_CHECKING:
    from fractions import Fraction


class Rows(StrEnum):
    """Which results are shown."""

    ALL = "all"
    FAILURES = "failures"
    NONE = "none"


class ProgressForm(StrEnum):
    """How the progress of a run is shown on standard error."""

    AUTO = "auto"
    """Bars on a terminal, unless `--quiet` is given."""
    BAR = "bar"
    """Bars, also with `--quiet`."""
    JSON = "json"
    NONE = "none"


class OutputOptions(Value):
    """What the command shows, where, and which reports it writes."""

    format: str | None = None
    """`table`, `tsv` or `jsonl`; None: what suits standard output."""
    computes: bool = False
    """Whether something is done with each file, which may remove it."""
    values: bool = False
    """Whether results have values, which a function returns."""
    rows: Rows = Rows.ALL
    progress: ProgressForm = ProgressForm.AUTO
    extras: bool = True
    """Whether terminals that know them are sent links and progress of their own."""
    ordered: bool = True
    quiet: bool = False
    verbose: int = 0
    log_file: str | None = None
    """The file for all that can be said of the run; None: no such file."""
    checksums: str | None = None
    """The file for the lines that `sha256sum -c` reads; None: no such file."""
    failed_to: str | None = None
    """The file for the input lines that failed; None: no such file."""
    report: str | None = None
    """The file for the page about the run; None: no such file."""
    prune: bool = False
    """Whether to move the files that the list does not name any more."""
    yes: bool = False
    """Whether to do so without a question."""
    allowed: "tuple[int, Fraction | int]" = (0, 0)
    """How many failures still count as success: a number, and a fraction of all."""


def check_progress(form: ProgressForm, err: TextIO) -> None:
    """Raise `UsageError` where bars are demanded that cannot be drawn."""
    if form is ProgressForm.BAR and not can_draw(err):
        raise UsageError("--progress bar needs a terminal on standard error (json does not)")
