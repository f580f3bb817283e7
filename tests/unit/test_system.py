"""What the system gives a process, and what its errors mean."""

from __future__ import annotations

import errno
import resource
import socket
from unittest import mock

import requests

from pyfetch import system
from pyfetch.models import Failure, TargetError
from pyfetch.system import OutOfThreadsError, descriptor_budget, is_out_of_resources
from tests.support.cases import cases


def with_limit(number: int, in_use: int = 6) -> mock._patch:  # type: ignore[type-arg]
    return mock.patch.multiple(
        system,
        resource=mock.Mock(
            getrlimit=lambda _: (number, number),
            RLIMIT_NOFILE=resource.RLIMIT_NOFILE,
            RLIM_INFINITY=resource.RLIM_INFINITY,
        ),
        _open_descriptors=lambda: in_use,
    )


@cases("limit", [0, 12, 20, 60, 256, 1024])
def test_workers_and_idle_connections_fit_into_the_limit(limit: int) -> None:
    for workers in (1, 8, 128, 1024):
        with with_limit(limit):
            budget = descriptor_budget(workers, 2 * workers)
        assert 1 <= budget.workers <= workers
        assert budget.idle_connections >= 1
        if limit >= 20:
            assert 6 + 3 * budget.workers + budget.idle_connections <= limit


@cases("limit", [100_000, resource.RLIM_INFINITY])
def test_where_there_are_descriptors_enough_all_are_as_wanted(limit: int) -> None:
    with with_limit(limit):
        budget = descriptor_budget(128, 256)
    assert (budget.workers, budget.idle_connections) == (128, 256)


def caused_by(error: Exception) -> TargetError:
    failed = TargetError(Failure.DISK, "cannot write x")
    failed.__cause__ = error
    return failed


@cases(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENFILE, "Too many open files in system"),
        caused_by(OSError(errno.EMFILE, "Too many open files")),
        requests.ConnectionError(OSError(errno.EMFILE, "Too many open files")),
        caused_by(requests.ConnectionError(OSError(errno.ENFILE, "Too many open files"))),
        caused_by(OutOfThreadsError("can't start new thread")),
        MemoryError(),
    ],
)
def test_a_want_of_descriptors_threads_or_memory_is_found_below_other_errors(
    error: Exception,
) -> None:
    assert is_out_of_resources(error)


@cases(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        caused_by(ConnectionRefusedError(errno.ECONNREFUSED, "refused")),
        caused_by(socket.gaierror(socket.EAI_NONAME, "no such name")),
    ],
)
def test_other_errors_are_what_they_say(error: Exception) -> None:
    assert not is_out_of_resources(error)


def test_a_name_that_is_not_found_for_want_of_descriptors_is_no_name_that_is_missing() -> None:
    """The C library cannot open a socket or a file then, and says anything."""
    error = caused_by(socket.gaierror(socket.EAI_NONAME, "no such name"))
    full = mock.Mock(side_effect=OSError(errno.EMFILE, "Too many open files"))
    with mock.patch("os.open", full):
        assert is_out_of_resources(error)
