"""Transfers that nobody makes, for what looks at them."""

from __future__ import annotations

from pyfetch.attempt import Assignment
from pyfetch.models import Target
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url


def transfer(url: str, received: int, size: int | None, resumed: int = 0) -> Transfer:
    """A transfer that has brought so many bytes."""
    made = Transfer(Assignment.first_of(Target(1, parse_url(url))))
    made.received, made.size, made.resumed = received, size, resumed
    return made
