"""How many examples Hypothesis tries where each of them takes long."""

from __future__ import annotations

from hypothesis import settings


def at_most(number: int) -> settings:
    """As many as the profile says, but no more than this: `make test-all` would take 300."""
    return settings(max_examples=min(number, settings().max_examples), deadline=None)
