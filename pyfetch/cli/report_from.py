"""`--report-from`: the page about a run, made from its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyfetch.errors import UsageError
from pyfetch.output.report.sink import page_of_lines
from pyfetch.output.result_files import Report


def write_report(results: str, files: Sequence[str]) -> int:
    """Write the page of `results`, in JSON Lines, to the one file named. Returns 0.

    Raises `UsageError` where results or page cannot be read or written.
    """
    if len(files) != 1 or files[0] == "-":
        raise UsageError(
            "--report-from needs one file to write: pyfetch --report-from results.jsonl report.html"
        )
    with Report(files[0], private=True) as report:
        try:
            with Path(results).open("rb") as lines:
                html = page_of_lines(lines, results)
        except OSError as error:
            raise UsageError(f"cannot read {results}: {error.strerror}") from error
        report.write(html.encode("utf-8", "replace"))
        report.commit()
    return 0
