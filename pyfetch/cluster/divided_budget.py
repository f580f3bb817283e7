"""A whole number that is divided among members, so that what is in force is never more. Pure.

A part is made smaller first. What becomes free is given to another member only once the one that
had it has confirmed that it keeps to less, or is gone.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

M = TypeVar("M", bound=Hashable)


class PartChanged(NamedTuple, Generic[M]):
    """A member has to be told its part."""

    member: M
    units: int
    serial: int
    """Number of this change, which the member confirms; 0: it need not, as nothing waits for it."""
    before: int
    """What it was told before."""


class _Holding:
    __slots__ = ("in_force", "serial", "told", "wanted")

    def __init__(self) -> None:
        self.wanted = 0
        """What it is to have."""
        self.told = 0
        """What it was told last."""
        self.in_force = 0
        """The most that it may still be using; at least `told`."""
        self.serial = 0


class DividedBudget(Generic[M]):
    """So many units, of which each member has some."""

    __slots__ = ("_parts", "in_force", "units")

    def __init__(self, units: int) -> None:
        self.units = units
        self.in_force = 0
        """Units that members may be using now."""
        self._parts: dict[M, _Holding] = {}

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{member}: {part.told}/{part.in_force}→{part.wanted}"
            for member, part in self._parts.items()
        )
        return f"<{type(self).__name__} of {self.units}: {parts}>"

    @property
    def holders(self) -> list[M]:
        """Members that are to have a part, in the order in which they came."""
        return [member for member, part in self._parts.items() if part.wanted]

    @property
    def is_held(self) -> bool:
        """Whether any member is to have a part."""
        return any(part.wanted for part in self._parts.values()) if self._parts else False

    def in_force_of(self, member: M) -> int:
        """Units that a member may be using now."""
        part = self._parts.get(member)
        return part.in_force if part else 0

    def told(self, member: M) -> int:
        """What a member was told last that it has."""
        part = self._parts.get(member)
        return part.told if part else 0

    def give_all(self, member: M) -> None:
        """Let one member have all of it."""
        parts = self._parts
        for part in parts.values():
            part.wanted = 0
        if member not in parts:
            parts[member] = _Holding()
        parts[member].wanted = self.units

    def divide(self, weights: Mapping[M, float]) -> None:
        """Let these members have parts in the proportion of their weights, and others none.

        There must not be more members than units: each gets one at least.
        """
        shares = whole_shares(self.units, weights) if weights else {}
        for member, part in self._parts.items():
            part.wanted = shares.pop(member, 0)
        for member, units in shares.items():
            self._parts[member] = _Holding()
            self._parts[member].wanted = units

    def settle(self) -> list[PartChanged[M]]:
        """What has to be told to members now, the parts that get smaller first."""
        changes = []
        growing = []
        for member, part in self._parts.items():
            if part.wanted < part.told:
                changes.append(_change(member, part, part.wanted))
            elif part.wanted > part.told:
                growing.append((member, part))
        for member, part in growing:
            units = min(part.wanted, part.in_force + self.units - self.in_force)
            if units > part.told:
                if units > part.in_force:
                    self.in_force += units - part.in_force
                    part.in_force = units
                changes.append(_change(member, part, units))
        return changes

    def confirmed(self, member: M, serial: int) -> None:
        """A member keeps to what it was told with this serial number."""
        part = self._parts.get(member)
        if part and part.serial == serial:
            self.in_force -= part.in_force - part.told
            part.in_force = part.told

    def leave(self, member: M) -> None:
        """A member has ended, but what it had must not be used again before `gone`."""
        part = self._parts.get(member)
        if part:
            part.wanted = part.told = 0
            part.serial += 1  # what it has confirmed before is not all that it may have used

    def gone(self, member: M) -> None:
        """A member has ended: what it had is free."""
        part = self._parts.pop(member, None)
        if part:
            self.in_force -= part.in_force


def _change(member: M, part: _Holding, units: int) -> PartChanged[M]:
    before, part.told = part.told, units
    part.serial += 1
    return PartChanged(member, units, part.serial if part.in_force > units else 0, before)


def whole_shares(units: int, weights: Mapping[M, float]) -> dict[M, int]:
    """Divide a number into whole shares of at least 1 by weights (largest remainders)."""
    left = units - len(weights)
    total = sum(weights.values())
    if not total:
        weights, total = dict.fromkeys(weights, 1.0), float(len(weights))
    exact = {member: left * weight / total for member, weight in weights.items()}
    shares = {member: 1 + int(share) for member, share in exact.items()}
    rest = units - sum(shares.values())
    for member in sorted(exact, key=lambda each: int(exact[each]) - exact[each])[:rest]:
        shares[member] += 1
    return shares
