"""What failed in a run: how often for which reason, at which host, and the first ones."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable

from pyfetch.models import Failure, Result
from pyfetch.output.labels import label_of_url
from pyfetch.text import escaped

FIRST = 10
"""Failures that are told one by one."""
_MOST_COUNTED = 1000
"""Reasons and hosts that are counted apart, at most."""
_REASONS_SHOWN = 6
_HOSTS_SHOWN = 5
LONGEST_URL = 100
"""Characters of a URL that is told whole."""
BESIDE_URL = 8
"""Cells beside a URL: its number and a colon."""
_CONNECTION_FAILED = "connection failed: "


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
        return escaped(result.detail or str(result.status))
    return escaped(f"{result.error}: {result.detail}")


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
        self._several_hosts = False
        """Whether the run had URLs of several hosts."""

    def saw(self, result: Result) -> None:
        """Note the host of any result: where all are of one host, that says nothing."""
        if not self._several_hosts:
            host = _host(result.url)
            self._several_hosts = self._one_host is not None and host != self._one_host
            self._one_host = host

    def add(self, result: Result) -> None:
        """Count a failure."""
        self.number += 1
        _count(self._reasons, reason_in_short(result))
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
        if not self._several_hosts or len(self._hosts) == self.number:
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


def _count(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < _MOST_COUNTED else "others"] += 1


def _counted(counter: Counter[str], most: int) -> str:
    shown = [f"{name} ×{number}" for name, number in counter.most_common(most)]
    more = sum(counter.values()) - sum(number for _, number in counter.most_common(most))
    return ", ".join([*shown, f"others ×{more}"] if more else shown)


def _host(url: str) -> str:
    parts = url.split("/", 3)
    return parts[2].rpartition("@")[2].lower() if len(parts) > 2 else url
