"""Lists of URLs: how many each host has, and in which order they stand."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from pyfetch.models import Target
from pyfetch.urls import Url

Sizes = list[int]
"""How many URLs each host has."""
Order = Callable[[Sizes, int], list[int]]
"""Returns the number of the host for each URL of the list; the second argument is a seed."""


def even(hosts: int, urls: int) -> Sizes:
    """All hosts have about as many."""
    return [urls // hosts + (number < urls % hosts) for number in range(hosts)]


def zipf(hosts: int, urls: int, exponent: float = 1.0) -> Sizes:
    """The n-th host has so many as its place to the power of minus `exponent`; at least one."""
    weights = [(number + 1) ** -exponent for number in range(hosts)]
    total = sum(weights)
    sizes = [max(1, int(urls * weight / total)) for weight in weights]
    sizes[0] += urls - sum(sizes)
    return sizes


def shuffled(sizes: Sizes, seed: int) -> list[int]:
    """In no order."""
    hosts = grouped(sizes, seed)
    random.Random(seed).shuffle(hosts)
    return hosts


def grouped(sizes: Sizes, _seed: int) -> list[int]:
    """Host by host."""
    return [host for host, size in enumerate(sizes) for _ in range(size)]


def origin(host: int) -> str:
    """The origin of the host with this number."""
    return f"http://host-{host}:80"


def targets(hosts: list[int], read: Callable[[str], None]) -> Iterator[Target]:
    """The URLs of the list. `read` is called with the origin of each when it is read."""
    names = [origin(host) for host in range(max(hosts) + 1)]
    for index, host in enumerate(hosts, 1):
        name = names[host]
        read(name)
        text = f"{name}/{index}"
        yield Target(index, Url(text, name, text))
