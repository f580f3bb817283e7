"""Targets that go to the same path are fetched one after the other. Pure."""

from __future__ import annotations

from collections import deque

from pyfetch.models import Target


class SamePath:
    """Lets one target at a time write to a path; others for the same path wait in their order."""

    def __init__(self) -> None:
        self._behind: dict[str, deque[Target] | None] = {}
        """By path, the targets that wait for it. A path is in here while a target uses it."""

    def enter(self, target: Target) -> bool:
        """Whether the target may start now; if not, a later `leave` returns it."""
        path = target.path
        if path is None:
            return True
        if path not in self._behind:
            self._behind[path] = None
            return True
        behind = self._behind[path]
        if behind is None:
            behind = self._behind[path] = deque()
        behind.append(target)
        return False

    def leave(self, target: Target) -> Target | None:
        """Take out a target that is done. Returns the next one for its path, if one waits."""
        path = target.path
        if path is None:
            return None
        behind = self._behind[path]
        if behind:
            return behind.popleft()
        del self._behind[path]
        return None
