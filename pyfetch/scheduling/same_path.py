"""Pure: targets that go to the same path are fetched one after the other."""

from __future__ import annotations

from collections import deque

from pyfetch.models import Target


class SamePath:
    """Which target may write to its path now; the others wait in the order in which they came."""

    def __init__(self) -> None:
        self._behind: dict[str, deque[Target]] = {}
        """Targets that wait, by path; a path without any that wait is in use by one target."""

    def enter(self, target: Target) -> bool:
        """Whether the target may start now; if not, a later `leave` returns it."""
        if target.path is None:
            return True
        behind = self._behind.get(target.path)
        if behind is None:
            self._behind[target.path] = deque()
            return True
        behind.append(target)
        return False

    def leave(self, target: Target) -> Target | None:
        """A target that could start is done. Returns the next one of its path, if any waits."""
        if target.path is None:
            return None
        behind = self._behind[target.path]
        if behind:
            return behind.popleft()
        del self._behind[target.path]
        return None
