"""How many workers are found, on more simulated hosts than the unit tests have."""

from __future__ import annotations

import pytest

from pyfetch.scheduling.concurrency import Workers
from tools.simulation.scenarios import SCENARIOS, Scenario, auto, one, ran
from tools.simulation.world import always

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
HOSTS = [
    Scenario("slows beyond 3 at once", one(capacity=always(3), latency=always(0.1))),
    Scenario("503 beyond 12 at once", one(refuses_beyond=12, latency=always(0.2))),
    Scenario("the client does 100 files a second", one(latency=always(0.4)), cpu=0.01),
    BY_NAME["huge files, 1 MB/s a connection"],
]


@pytest.mark.parametrize("scenario", HOSTS, ids=lambda scenario: scenario.name)
def test_what_is_found_does_as_well_as_the_best_fixed_number(scenario: Scenario) -> None:
    best = max(ran(scenario, Workers(number)).work for number in (4, 8, 16, 32, 64))
    found = ran(scenario, auto(), after=60)
    assert found.work >= 0.9 * best
    assert found.pushed_back < 0.02
