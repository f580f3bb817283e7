"""The command with `--plan`: every entry is read and named, and nothing is fetched."""

from __future__ import annotations

import io
import sys
from itertools import islice

from pyfetch.cli.display import Show
from pyfetch.cli.listed import Listed
from pyfetch.cli.plan import Action, Plan
from pyfetch.cli.signals import ReaderWatch
from pyfetch.errors import StoppedError
from pyfetch.output.plan import plan_sink
from pyfetch.settings import Settings
from pyfetch.text import escaped

_HOSTS_SHOWN = 20


def plan(listed: Listed, settings: Settings, show: Show) -> int:
    """Show what a run would do. Returns the exit status; raises `RunError`."""
    out = sys.stdout or io.StringIO()
    sources = listed.sources()
    with Plan(settings) as planned:
        try:
            sink = plan_sink(out, show.format or ("table" if out.isatty() else "tsv"))
            for entry in sources:
                one = planned.of(entry)
                if not show.quiet or show.format:
                    sink.show(one)
            out.flush()
        except BrokenPipeError:
            return ReaderWatch.EXIT_STATUS
        except OSError as error:
            raise StoppedError(f"cannot write the plan: {error.strerror}") from error
        if not show.quiet and sys.stderr:
            for line in _summary(planned, sources.duplicates):
                sys.stderr.write(f"pyfetch: {escaped(line)}\n")
        return int(planned.actions[Action.FAIL] > 0)


def _summary(planned: Plan, duplicates: int) -> list[str]:
    counts = [f"{action} {number}" for action, number in planned.actions.most_common()]
    if planned.renamed:
        counts.append(f"{planned.renamed} beside the name that they want, which is taken")
    if duplicates:
        counts.append(f"{duplicates} duplicates dropped")
    hosts = planned.hosts()
    lines = [f"{number:>7} {origin}" for origin, number in islice(hosts, _HOSTS_SHOWN)]
    more = sum(1 for _ in hosts)
    if more:
        lines.append(f"        and {more} hosts more")
    return [f"plan: {', '.join(counts) or 'nothing to do'}", *lines]
