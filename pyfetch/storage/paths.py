"""Which path below the output directory is whose: no two URLs ever share one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count
from pathlib import Path

from pyfetch.models import Known, Target
from pyfetch.naming.components import RelativePath, beside, numbered_path, tagged_path
from pyfetch.naming.template import Template, wanted_path
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.filesystem import before_paths
from pyfetch.storage.state import State

_REMEMBERED = 4096


class PathAllocator:
    """Paths for targets, claimed in the state. `lasting`: whether that outlives the run."""

    def __init__(self, settings: Settings, state: State, *, lasting: bool) -> None:
        self._before = before_paths(Path(settings.output_dir))
        self._policy = settings.if_exists
        self._template = Template(settings.name)
        self._by_servers = settings.content_disposition
        self._state = state
        self._lasting = lasting
        self._directories: set[str] = set()
        self._expected: dict[int, RelativePath] = {}
        """By index, what those that come next want."""

    def expect(self, targets: Sequence[Target]) -> None:
        """These come next: what is known of what they want is looked up together."""
        self._expected = {target.index: self.wanted(target) for target in targets}
        self._state.expect(self._expected.values())

    def of(
        self,
        target: Target,
        given: str | None = None,
        in_use: Callable[[str], bool] = lambda _: False,
    ) -> tuple[RelativePath, Known]:
        """A path that is this target's own, and what is known of it.

        `given`: the name that the server has given. `in_use`: whether a target that is not
        done has this path, for those who want both.
        """
        path, known = self.home(target, given)
        if given is None and self._by_servers and known.went_to:
            moved = self.claim(known.went_to, target)
            if moved is not None:
                path, known = RelativePath(known.went_to), moved
        if self._policy is IfExists.RENAME:
            numbers = (numbered_path(path, number) for number in count(1))
            free = (name for name in chain([path], numbers) if self.is_free(name))
            path, known = self._first_own(target, (name for name in free if not in_use(name)))
        return path, known

    def wanted(self, target: Target, given: str | None = None) -> RelativePath:
        """The path that its list or the template wants, whoever's it is."""
        return wanted_path(target, self._template, given)

    def home(self, target: Target, given: str | None = None) -> tuple[RelativePath, Known]:
        """The path of this target's own that its name leads to, whatever is there."""
        wanted = None if given else self._expected.pop(target.index, None)
        wanted = self._clear_of_files(wanted or self.wanted(target, given))
        known = self.claim(wanted, target)
        if known is not None:
            return wanted, known
        tags = (tagged_path(wanted, target.identity, attempt) for attempt in count())
        return self._first_own(target, tags)

    def claim(self, path: str, target: Target) -> Known | None:
        """What is known of a path that is this target's; None if it is another one's."""
        known = self._state.claim(path, target.identity, lambda: self.is_free(path))
        if known is None:
            return None
        if target.url.is_signed and not self._state.signed.claim(path, target.url):
            return None
        if not self._lasting:
            # The user said so: by time alone.
            return Known(known.facts, placed_by_us=True, went_to=known.went_to)
        return known

    def is_free(self, path: str) -> bool:
        """Whether nothing is there."""
        return not os.path.lexists(f"{self._before}{path}")

    def _first_own(
        self, target: Target, paths: Iterable[RelativePath]
    ) -> tuple[RelativePath, Known]:
        """The first of endless paths that is no other URL's, and what is known of it."""
        return next(
            (path, known) for path in paths if (known := self.claim(path, target)) is not None
        )

    def _clear_of_files(self, path: RelativePath) -> RelativePath:
        """The same path, beside those of its directories whose names are files' names."""
        depth, end = 0, path.find("/")
        while end >= 0:
            directory = path[:end]
            if directory not in self._directories:
                if self._state.is_taken(directory):
                    path = beside(path, depth)
                    depth, end = 0, path.find("/")  # a long path may have got fewer of them
                    continue
                if len(self._directories) >= _REMEMBERED:
                    self._directories.clear()
                self._directories.add(directory)
            depth, end = depth + 1, path.find("/", end + 1)
        return path
