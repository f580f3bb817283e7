"""How many processes compute: one a CPU, fewer while fetching is busy or memory is short."""

from __future__ import annotations

from pyfetch.compute.process_number import ProcessNumber
from pyfetch.cpu_share import CpuShare

GIB = 2**30


class Machine:
    """What a process number looks at."""

    def __init__(self) -> None:
        self.time = self.used = 0.0
        self.left: int | None = 8 * GIB
        self.looks = 0

    def number(self, wanted: int | str = "auto", cpus: int = 4) -> ProcessNumber:
        return ProcessNumber(
            wanted,  # type: ignore[arg-type] # as the settings have checked it
            CpuShare(cpus, "one a CPU"),
            clock=lambda: self.time,
            cpu_time=lambda: self.used,
            memory=self._memory,
        )

    def _memory(self) -> int | None:
        self.looks += 1
        return self.left

    def goes_on(self, busy: float, seconds: float = 0.5) -> None:
        """Fetching takes this part of one CPU for so long."""
        self.time += seconds
        self.used += busy * seconds


def test_a_number_that_is_wanted_is_kept() -> None:
    machine = Machine()
    machine.left = 0
    number = machine.number(3, cpus=1)
    machine.goes_on(busy=1)
    assert number.now() == 3
    assert number.why == "as --cpus says"
    assert machine.looks == 0


def test_there_is_one_process_for_each_cpu() -> None:
    machine = Machine()
    number = machine.number()
    for _ in range(5):
        machine.goes_on(busy=0.2)
        assert number.now() == 4
    assert number.why == "one a CPU"


def test_a_busy_download_has_a_cpu_of_its_own_until_it_is_quiet() -> None:
    machine = Machine()
    number = machine.number()
    machine.goes_on(busy=0.8)
    assert number.now() == 3
    for _ in range(3):
        machine.goes_on(busy=0.5)
        assert number.now() == 3, "it does not change its mind at each look"
    machine.goes_on(busy=0.3)
    assert number.now() == 4
    assert number.why == "one a CPU, one less while fetching was busy"


def test_a_single_cpu_is_shared() -> None:
    machine = Machine()
    number = machine.number(cpus=1)
    machine.goes_on(busy=1)
    assert number.now() == 1
    assert number.why == "one a CPU"


def test_there_are_fewer_while_memory_is_short_and_never_none() -> None:
    machine = Machine()
    number = machine.number()
    machine.left = 100 * 2**20
    seen = []
    for _ in range(5):
        machine.goes_on(busy=0.9)
        seen.append(number.now())
    assert seen == [2, 1, 1, 1, 1], "one for fetching, and one each time for memory"
    machine.left = 300 * 2**20
    machine.goes_on(busy=0.9)
    assert number.now() == 1, "as much as that was free before"
    machine.left = 8 * GIB
    seen = []
    for _ in range(4):
        machine.goes_on(busy=0)
        seen.append(number.now())
    assert seen == [3, 4, 4, 4]
    assert number.why == (
        "one a CPU, one less while fetching was busy, fewer when memory got short"
    )


def test_a_system_that_does_not_tell_of_memory_is_no_reason_for_fewer() -> None:
    machine = Machine()
    machine.left = None
    number = machine.number()
    machine.goes_on(busy=0)
    assert number.now() == 4


def test_the_system_is_asked_twice_a_second_at_most() -> None:
    machine = Machine()
    number = machine.number()
    for _ in range(1000):
        machine.goes_on(busy=0, seconds=0.01)
        number.now()
    assert machine.looks <= 20
