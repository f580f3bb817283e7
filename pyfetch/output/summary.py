"""The summary of a run: what became of how many URLs, and which failed, why and at which host."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from pyfetch.models import Change, Failure, Outcome, Result
from pyfetch.output.labels import label_of_url
from pyfetch.text import escaped, on_one_line
from pyfetch.units import format_seconds, format_size

if TYPE_CHECKING:
    from fractions import Fraction

_FETCHED, _FAILED = Outcome.FETCHED, Outcome.FAILED

FIRST = 10
"""Failures that are told one by one."""
_MOST_COUNTED = 1000
"""Reasons and hosts that are counted apart, at most."""
_REASONS_SHOWN = 6
_HOSTS_SHOWN = 5
LONGEST_URL = 100
"""Characters of a URL that is told whole."""
_BEGINNING, _END = 100, 500
"""Characters that are told of a reason that is longer than both."""
BESIDE_URL = 8
"""Cells beside a URL: its number and a colon."""
_WITHOUT_HOST = frozenset({Failure.INVALID_URL, Failure.UNSUPPORTED_SCHEME})
"""Failures of lines that name no host, or none that could be asked."""
_CONNECTION_FAILED = "connection failed: "
_CHANGES = {Change.NEW: "new", Change.CHANGED: "changed", Change.SAME: "the same as before"}


def reason_in_short(result: Result) -> str:
    """Why a URL failed, as it is counted: its code, or what says more than that."""
    if result.error is Failure.HTTP and result.status:
        return str(result.status)
    detail = result.detail or ""
    if result.error is Failure.CONNECT and detail.startswith(_CONNECTION_FAILED):
        said = detail.removeprefix(_CONNECTION_FAILED).partition(";")[0]
        return escaped(said[:1].lower() + said[1:])
    return str(result.error)


def sentence_about(result: Result) -> str:
    """Why a URL failed, as a sentence."""
    if result.error is Failure.HTTP:
        return _shown(result.detail or str(result.status))
    return reason_of(result)


def reason_of(result: Result) -> str:
    """The code of a failure and the sentence about it, on one line."""
    return _shown(f"{result.error}: {result.detail}")


def short_url(url: str) -> str:
    """The URL, or what it is called where it is long."""
    return escaped(url) if len(url) <= LONGEST_URL else label_of_url(url)


class Failures:
    """Counts failures. One thread adds."""

    def __init__(self) -> None:
        self.number = 0
        self.first: list[Result] = []
        """The first ones in the order of the list, so many as are told."""
        self._reasons: Counter[str] = Counter()
        self._hosts: Counter[str] = Counter()
        self._one_host: str | None = None
        self._beginning = "no URL yet"
        """The beginning of the first URL, up to its path: most have the same one."""
        self._several_hosts = False
        """Whether the run had URLs of several hosts."""

    def saw(self, result: Result) -> None:
        """Note the host of any result: where all are of one host, that says nothing."""
        if self._several_hosts or result.url.startswith(self._beginning):
            return
        if result.error in _WITHOUT_HOST:
            return
        host = _host(result.url)
        self._several_hosts = self._one_host is not None and host != self._one_host
        self._one_host = host
        self._beginning = "/".join(result.url.split("/", 3)[:3]) + "/"

    def add(self, result: Result) -> None:
        """Count a failure."""
        self.number += 1
        _count(self._reasons, reason_in_short(result))
        if result.error not in _WITHOUT_HOST:
            _count(self._hosts, _host(result.url))
        if len(self.first) < FIRST or result.index < self.first[-1].index:
            insort(self.first, result, key=lambda one: one.index)
            del self.first[FIRST:]

    def by_reason(self) -> str:
        """`404 ×3, 500 ×3, connection refused ×3`."""
        return _counted(self._reasons, _REASONS_SHOWN)

    def reasons(self) -> dict[str, int]:
        """How often for each reason, the most frequent first."""
        return dict(self._reasons.most_common())

    def by_host(self) -> str:
        """`example.org ×5, example.net ×1`; empty where hosts say no more than the list does."""
        if not self._several_hosts or len(self._hosts) == self._hosts.total():
            return ""
        return _counted(self._hosts, _HOSTS_SHOWN)

    def told(self, short: Callable[[str], str] = short_url) -> list[str]:
        """The first failures, one a text: number, URL and reason.

        `short` makes of a URL what there is room for beside `BESIDE_URL` cells.
        """
        texts = [f"{one.index:>6} {short(one.url)}: {sentence_about(one)}" for one in self.first]
        if self.number > len(self.first):
            texts.append(f"       and {self.number - len(self.first)} more")
        return texts


class Summary:
    """Counts outcomes, failures, bytes and parts. One thread adds, any may read."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.changes: Counter[Change] = Counter()
        self.failures = Failures()
        self.interrupted = 0
        """URLs that were in progress when the run was stopped."""
        self.size = 0
        """Bytes of the bodies that were fetched, with what an earlier run had left of them."""
        self.resumed = 0
        """How many of these bytes an earlier run had left."""
        self.received = 0
        """Bytes of these bodies that have come over the network in this run."""
        self.parts_kept = 0
        self.parts_size = 0
        """Bytes of the parts that are kept, to go on from."""

    def add(self, result: Result) -> None:
        """Count one result."""
        outcome = result.outcome
        self.outcomes[outcome] += 1
        if outcome is _FETCHED:
            self.size += result.size or 0
            self.resumed += result.resumed
            self.received += result.received
            if result.change:
                self.changes[result.change] += 1
        elif outcome is _FAILED:
            self._add_failure(result)
        self.failures.saw(result)

    def _add_failure(self, result: Result) -> None:
        if result.kept:
            self.parts_kept += 1
            self.parts_size += result.kept
        if result.error is Failure.CANCELLED:
            self.interrupted += 1
        else:
            self.failures.add(result)

    @property
    def finished(self) -> int:
        """How many results there were."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        """How many URLs did not come, those that were interrupted included."""
        return self.outcomes[Outcome.FAILED]

    def within(self, number: int, fraction: Fraction | int) -> bool:
        """Whether at most this number has failed, or at most this fraction of all."""
        return self.failed <= number or self.failed <= fraction * self.finished

    def sentence(self, seconds: float, not_begun: int = 0) -> str:
        """`fetched 98, failed 2 (404 ×1, timeout ×1); 12.3 MB in 3.1 s, 4.0 MB/s`.

        `not_begun`: how many URLs of the list have no result.
        """
        outcomes = self.outcomes
        counts = [f"fetched {outcomes[Outcome.FETCHED]}{self._changes()}"]
        counts += [
            f"{outcome} {outcomes[outcome]}"
            for outcome in (Outcome.UNCHANGED, Outcome.SKIPPED)
            if outcomes[outcome]
        ]
        if self.failures.number:
            counts.append(f"failed {self.failures.number} ({self.failures.by_reason()})")
        if self.interrupted:
            counts.append(f"interrupted {self.interrupted}")
        if not_begun:
            counts.append(f"not begun {not_begun}")
        came = self.received
        resumed = f" ({format_size(self.resumed)} of them from before)" if self.resumed else ""
        rate = f", {format_size(came / seconds)}/s" if came > 0 and seconds > 0 else ""
        return (
            f"{', '.join(counts)}; {format_size(self.size)}{resumed}"
            f" in {format_seconds(seconds)}{rate}"
        )

    def kept(self) -> str:
        """What is kept of what did not come, as a clause; empty if nothing is."""
        if not self.parts_kept:
            return ""
        parts = "1 part" if self.parts_kept == 1 else f"{self.parts_kept} parts"
        return f"{parts} kept, {format_size(self.parts_size)}: run the same command again"

    def _changes(self) -> str:
        """How many of the fetched files are new: said where files had been there before."""
        outcomes, changes = self.outcomes, self.changes
        old = outcomes[Outcome.UNCHANGED] + outcomes[Outcome.SKIPPED]
        if not (changes[Change.CHANGED] or changes[Change.SAME] or (old and changes)):
            return ""
        said = [f"{changes[one]} {_CHANGES[one]}" for one in Change if changes[one]]
        return f" ({', '.join(said)})"


def _count(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < _MOST_COUNTED else "others"] += 1


def _counted(counter: Counter[str], most: int) -> str:
    shown = [f"{name} ×{number}" for name, number in counter.most_common(most)]
    more = sum(counter.values()) - sum(number for _, number in counter.most_common(most))
    return ", ".join([*shown, f"others ×{more}"] if more else shown)


def _shown(sentence: str) -> str:
    """On one line. Of what a command has printed much of, the end says most."""
    line = escaped(on_one_line(sentence))
    return line if len(line) <= _BEGINNING + _END else f"{line[:_BEGINNING]} … {line[-_END:]}"


def _host(url: str) -> str:
    parts = url.split("/", 3)
    return parts[2].rpartition("@")[2].lower() if len(parts) > 2 else url
