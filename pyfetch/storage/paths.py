"""Which path below the output directory belongs to which target: no two URLs share one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from pyfetch.facts import Known
from pyfetch.models import Target
from pyfetch.naming.components import (
    RelativePath,
    beside,
    first_free,
    numbered_path,
    tagged_path,
)
from pyfetch.naming.template import (
    NOTHING_SAID,
    Said,
    Template,
    belongs_to_entry,
    wanted_path,
)
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.state import State

if TYPE_CHECKING:
    from pyfetch.storage.store import Store

_REMEMBERED = 4096


class PathAllocator:
    """Gives paths to targets and claims them in the state.

    `lasting`: whether the state outlives the run.
    """

    def __init__(self, settings: Settings, state: State, store: Store, *, lasting: bool) -> None:
        self._store = store
        self._key = store.key
        self._policy = settings.if_exists
        self._template = Template(settings.name)
        self.follows_answers = settings.content_disposition or self._template.uses_type
        """Whether the last word on a path is the server's: its name or its media type."""
        self._state = state
        self._lasting = lasting
        self._no_files: set[str] = set()
        """Directories whose names no file has."""
        self._without_links: dict[str, str] = {}
        """By directory, its path without symbolic links."""
        self._expected: dict[int, RelativePath] = {}
        """By index, the wanted paths of targets that come next."""

    def expect(self, targets: Sequence[Target]) -> None:
        """Prepare for targets that come next: what is known of their paths is looked up at once."""
        self._expected = {target.index: self.wanted(target) for target in targets}
        self._state.expect(self._expected.values())

    def of(
        self,
        target: Target,
        said: Said = NOTHING_SAID,
        in_use: Callable[[str], bool] = lambda _: False,
    ) -> tuple[RelativePath, Known]:
        """A path that belongs to this target only, and what is known of its file.

        `said`: those parts of the answer on which the path depends. `in_use`: whether an unfinished
        target has this path, for `--if-exists rename`.
        """
        path, known = self.home(target, said)
        if self.follows_answers and known.went_to and said == NOTHING_SAID:
            moved = self.claim(known.went_to, target)
            if moved is not None:
                path, known = RelativePath(known.went_to), moved
        if self._policy is IfExists.RENAME and self._is_taken(target, path, in_use):
            number = first_free(
                lambda number: self._is_taken(target, numbered_path(path, number), in_use)
            )
            numbers = (numbered_path(path, number) for number in count(number))
            path, known = self._first_own(target, numbers)
        return path, known

    def free(
        self, target: Target, said: Said, in_use: Callable[[str], bool]
    ) -> tuple[RelativePath, Known]:
        """A path with a suffix, for a name that the server has given, that no file has."""
        wanted = self._clear_of_files(self.wanted(target, said))
        tags = (tagged_path(wanted, target.identity, attempt) for attempt in count())
        free = (path for path in tags if not self._is_taken(target, path, in_use))
        return self._first_own(target, free)

    def wanted(self, target: Target, said: Said = NOTHING_SAID) -> RelativePath:
        """The path that the list or the template demands, even if it belongs to another URL."""
        path = wanted_path(target, self._template, said)
        if self._key:
            path = self._key(path)
        directory, slash, name = path.rpartition("/")
        if not slash:
            return path
        real = self._without_links.get(directory)
        if real is None:
            real = self._store.without_links(directory)
            if len(self._without_links) >= _REMEMBERED:
                self._without_links.clear()
            self._without_links[directory] = real
        return path if real == directory else RelativePath(f"{real}/{name}" if real else name)

    def home(self, target: Target, said: Said = NOTHING_SAID) -> tuple[RelativePath, Known]:
        """The target's own path, even if a file is there, and what is known of that file."""
        wanted = self._expected.pop(target.index, None) if said == NOTHING_SAID else None
        path = self._clear_of_files(wanted or self.wanted(target, said))
        is_servers = said.name is not None
        # Of several that want one name, the first of the list gets it, whoever answers first.
        is_beside = said.media_type is not None and not is_servers and self._is_beside(target)
        known = None if is_beside else self.claim(path, target)
        if known is None and not (is_servers or is_beside):
            known = self._taken_over(path, target)
        if known is None:
            tags = (tagged_path(path, target.identity, attempt) for attempt in count())
            path, known = self._first_own(target, tags)
        if is_servers and not self._lasting:
            # Without the state, nobody knows whose file of this name is there.
            known = known._replace(placed_by_us=False)
        return path, known

    def _is_beside(self, target: Target) -> bool:
        """Whether another target has the path that this one wanted before its answer came."""
        wanted = self._clear_of_files(self.wanted(target))
        return not self._state.owns(wanted, target.identity)

    def _taken_over(self, path: RelativePath, target: Target) -> Known | None:
        """Take over a path that the list names, and that another URL got in an earlier run.

        Returns what is known of it. None if the list does not name it, or if it stays with that
        URL: another entry of this run has it, or this URL has got a path with a suffix before.
        """
        if self._policy is IfExists.RENAME or not belongs_to_entry(target, self._template):
            return None
        if self._state.owns(tagged_path(path, target.identity), target.identity):
            return None
        return self.claim(path, target, takes_over=True)

    def claim(self, path: str, target: Target, *, takes_over: bool = False) -> Known | None:
        """Claim a path for a target. Returns what is known of it; None if it belongs to another."""
        known = self._state.claim(
            path, target.identity, partial(self._store.was_free, path), takes_over=takes_over
        )
        if known is None:
            return None
        if target.url.is_signed and not self._state.signed.claim(path, target.url):
            return None
        if known.facts and known.facts.stored and self._store.is_local:
            # That is a member of a pack: a file of this name is another thing.
            known = known._replace(facts=None, placed_by_us=False)
        if not self._lasting:
            # With `--no-state`, the modification time alone decides.
            return known._replace(placed_by_us=True)
        return known

    def _is_taken(self, target: Target, path: str, in_use: Callable[[str], bool]) -> bool:
        return (
            not self._store.is_free(path)
            or in_use(path)
            or not self._state.may_claim(path, target.identity)
        )

    def _first_own(
        self, target: Target, paths: Iterable[RelativePath]
    ) -> tuple[RelativePath, Known]:
        """The first of these paths that belongs to no other URL, and what is known of it."""
        return next(
            (path, known) for path in paths if (known := self.claim(path, target)) is not None
        )

    def _clear_of_files(self, path: RelativePath) -> RelativePath:
        """The same path, with another name for each directory whose name a file has."""
        depth, end = 0, path.find("/")
        while end >= 0:
            directory = path[:end]
            if directory not in self._no_files:
                if self._state.is_taken(directory):
                    path = beside(path, depth)
                    depth, end = 0, path.find("/")  # a path that is shortened has fewer directories
                    continue
                if len(self._no_files) >= _REMEMBERED:
                    self._no_files.clear()
                self._no_files.add(directory)
            depth, end = depth + 1, path.find("/", end + 1)
        return path
