"""What does not hold with `--engine curl`, each with the reason; docs/engines.md says the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import pytest

_REPLACED = "`responses` or a name server played in Python takes the place of what libcurl has"
_LAXER = "libcurl reads this in another way; docs/engines.md lists it"
_DESCRIPTORS = "it needs a few descriptors more: for the loop, and for what libcurl has"

OF_CURL = {
    "test_api.py::test_content_type_and_validators_are_in_the_result": _REPLACED,
    "test_credentials.py::TestNetrc::test_a_redirect_gets_an_entry_of_its_own": _REPLACED,
    "test_public_only.py::test_a_name_that_resolves_differently_the_second_time": _REPLACED,
    "test_public_only.py::test_each_connection_is_to_an_address_that_was_judged": _REPLACED,
    "test_public_only.py::test_of_the_addresses_of_a_name_only_public_ones": _REPLACED,
    "test_name_lookups.py::test_the_command_stops_on_ctrl_c_though_a_look_up_hangs": _REPLACED,
    "test_name_lookups.py::test_a_look_up_that_hangs_is_a_failure_that_says_so": _REPLACED,
    "test_promised_times.py::test_a_signal_ends_a_run_within_2_seconds[look_up": _REPLACED,
    "test_long_fields.py::test_a_result_keeps_no_field_of_more_than_8_kib": _LAXER,
    "test_long_fields.py::test_a_reason_of_more_than_8_kib_is_not_shown": _LAXER,
    "test_cpu_pin.py::test_who_shakes_hands_may_be_anywhere": "its helpers are never pinned",
    "test_cpu_pin.py::test_what_streams_fast_may_be_anywhere": "its helpers are never pinned",
    "test_politeness.py::test_few_descriptors_mean_fewer_transfers_and_no_failure[16": _DESCRIPTORS,
    "test_system_calls.py": "these are the calls of threads: it waits in another way",
}
"""By the beginning of a test's id, below its folder."""


READ_OTHERWISE = frozenset({"NUL behind a size", "HTTP/1.2", "/size", "chunk extension"})
"""Cases of tests that have many: libcurl takes some, and refuses the others at once."""

Case = TypeVar("Case")


def for_engine(engine: str | None, cases: Mapping[str, Case]) -> dict[str, Case]:
    """Those of the cases that hold with this engine."""
    left_out = READ_OTHERWISE if engine == "curl" else frozenset[str]()
    return {name: case for name, case in cases.items() if name not in left_out}


def leave_out_differences(engine: str | None, tests: list[pytest.Item]) -> None:
    """Skip what does not hold with this engine, and say why."""
    if engine != "curl":
        return
    for test in tests:
        name = test.nodeid.removeprefix("tests/command/").removeprefix("tests/stress/")
        for beginning, reason in OF_CURL.items():
            if name.startswith(beginning):
                test.add_marker(pytest.mark.skip(reason=reason))
