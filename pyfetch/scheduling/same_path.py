"""Pure: of the targets that go to one path, one at a time."""

from __future__ import annotations

from collections import deque

from pyfetch.models import Target


class SamePath:
    """Who may go to its path now; the others wait, in the order in which they came."""

    def __init__(self) -> None:
        self._behind: dict[str, deque[Target]] = {}
        """By path, those that wait for the one before them to be done."""

    def enter(self, target: Target) -> bool:
        """Whether it may go now; if not, a later `leave` gives it back."""
        if target.path is None:
            return True
        behind = self._behind.get(target.path)
        if behind is None:
            self._behind[target.path] = deque()
            return True
        behind.append(target)
        return False

    def leave(self, target: Target) -> Target | None:
        """One that could go is done. Returns the one that may go now, if any waits."""
        if target.path is None:
            return None
        behind = self._behind[target.path]
        if behind:
            return behind.popleft()
        del self._behind[target.path]
        return None
