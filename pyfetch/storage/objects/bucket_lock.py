"""The lock of a run into a bucket: a file on this machine, and a lease in the bucket for others.

The lease is an object that says who holds it, and that the holder writes again and again. It ends
when that has not happened for `LEASE` seconds, by the clock of the server.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

from pyfetch.errors import RunError, StoppedError
from pyfetch.models import TargetError
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.lock import POLL, RunLock
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_errors import ConditionFailed
from pyfetch.storage.objects.bucket_reading import ObjectMeta
from pyfetch.storage.parts import current_boot
from pyfetch.system import daemon
from pyfetch.text import escaped

LEASE = 60.0
"""Seconds for which a lease holds after it was written."""
_RENEW_EVERY = LEASE / 4
_NAME = f"{OWN_DIRECTORY}/lease"
_LONGEST = 4096
_POLL_BUCKET = 1.0
_LATE_REQUESTS = 10
"""How many requests of a dead run may come after ours."""
_MACHINE = Path("/etc/machine-id")

_log = logging.getLogger(__name__)


class Holder(NamedTuple):
    """Who holds a lease, as the object says."""

    token: str
    """A random text: another one in each run."""
    who: str
    """For people: user, machine and process."""
    machine: str
    boot: str
    """Boot of that machine's system; empty if it has none."""
    process: int
    home: tuple[int, int]
    """Device and inode of the directory that has the run's state."""

    @classmethod
    def this(cls, home: Path) -> Self:
        """The one that this process is. Raises `OSError`."""
        host = socket.gethostname()
        with contextlib.suppress(OSError):
            host = f"{host} {_MACHINE.read_text().strip()}"
        status = home.stat()
        user = "unknown user"
        with contextlib.suppress(OSError, KeyError):
            user = getpass.getuser()
        who = f"{user} on {socket.gethostname()}, process {os.getpid()}"
        where = (status.st_dev, status.st_ino)
        return cls(secrets.token_hex(16), who, host, current_boot(), os.getpid(), where)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """What an object says; None if it makes no sense."""
        try:
            fields: dict[str, Any] = json.loads(data)
            return cls(
                str(fields["token"]), str(fields["who"])[:200], str(fields["machine"]),
                str(fields["boot"]), int(fields["process"]), (*map(int, fields["home"]),),  # type: ignore[arg-type]
            )  # fmt: skip
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def to_bytes(self) -> bytes:
        """As JSON."""
        return json.dumps(self._asdict()).encode()

    def had_state_of(self, us: Holder) -> bool:
        """Whether it is a run with the same state: `us` holds the lock of that by now."""
        return self.machine == us.machine and self.home == us.home

    def is_certainly_gone(self, us: Holder) -> bool:
        """Whether that process has ended. `us`: this process, which holds the lock of its home."""
        if self.machine != us.machine:
            return False
        if self.boot != us.boot or self.had_state_of(us):
            return True
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass
        return False


class BucketLock(RunLock):
    """Allows one run at a time in a bucket's prefix: on this machine, and on all others."""

    def __init__(self, bucket: Bucket, home: Path, *, elsewhere: bool = False) -> None:
        super().__init__(home, elsewhere=elsewhere, shown=str(bucket.address))
        self._bucket = bucket
        self._home = home
        self._us: Holder | None = None
        self._written_at = 0.0
        self._released = threading.Event()
        self._lost: str | None = None

    def acquire(self, wait: float = 0.0, given_up: Callable[[], bool] = lambda: False) -> None:
        """As `RunLock.acquire`; also raises if the bucket cannot be used."""
        until = time.monotonic() + wait
        super().acquire(wait, given_up)
        try:
            self._bucket.reach(_NAME)
            self._acquire_lease(until, given_up)
        except BaseException:
            super().release()
            raise
        daemon(self._keep_up, "lease").start()

    def release(self) -> None:
        """End the lease, and release the lock."""
        self._released.set()
        if self._us and not self._lost:
            with contextlib.suppress(RunError, TargetError):
                bucket = self._bucket = self._bucket.in_a_hurry()
                there = self._read()
                if there and there[0] and there[0].token == self._us.token:
                    bucket.delete(_NAME)
                bucket.forget_probe()
        super().release()

    def check(self) -> None:
        if self._lost:
            raise StoppedError(self._lost)

    def _acquire_lease(self, until: float, given_up: Callable[[], bool]) -> None:
        us = self._us = Holder.this(self._home)
        late = _LATE_REQUESTS
        try:
            while not self._take_lease(us):
                there = self._read()
                if there is None:
                    continue
                if late and there[0] and there[0].is_certainly_gone(us):
                    late -= 1
                    time.sleep(POLL)
                    continue
                age = self._age(there[1])
                if age < LEASE and (time.monotonic() >= until or given_up()):
                    who = escaped(there[0].who) if there[0] else "somebody unknown"
                    raise StoppedError(
                        f"another run holds {self._bucket.address}: {who}, seen {age:.0f} seconds"
                        " ago (let it end, or wait for it with --wait-lock; if it was killed, it"
                        f" holds it for {LEASE - age:.0f} seconds more)"
                    )
                pause = time.monotonic() + _POLL_BUCKET
                while time.monotonic() < pause and not given_up():
                    time.sleep(POLL)
        except TargetError as error:
            raise StoppedError(error.detail) from error

    def _take_lease(self, us: Holder) -> bool:
        """Write the lease if nobody holds it. Returns whether it is ours now."""
        obeys = self._bucket.obeys_conditions
        there = self._read()
        instead_of: str | None = None
        if there is not None:
            holder, meta = there
            if holder and holder.token == us.token:
                return True
            if not (holder and holder.is_certainly_gone(us)) and self._age(meta) < LEASE:
                return False
            instead_of = meta.etag or ""
        try:
            self._write(us, instead_of if obeys else "")
        except ConditionFailed:
            return False
        if not obeys:  # of two that wrote at the same time, the last one has it
            time.sleep(POLL)
            there = self._read()
            return bool(there and there[0] and there[0].token == us.token)
        return True

    def _write(self, us: Holder, instead_of: str | None) -> None:
        began = time.monotonic()
        self._bucket.put(_NAME, us.to_bytes(), instead_of=instead_of)
        self._written_at = began

    def _read(self) -> tuple[Holder | None, ObjectMeta] | None:
        found = self._bucket.read(_NAME, _LONGEST)
        return None if found is None else (Holder.from_bytes(found[0]), found[1])

    def _age(self, lease: ObjectMeta) -> float:
        """Seconds since a lease was written, by the server's clock."""
        now = self._bucket.server_time()
        return max(0.0, (now - lease.modified_ns) / 1e9)

    def _keep_up(self) -> None:
        """Write the lease again and again, until the lock is released. In a thread of its own."""
        while not self._released.wait(_RENEW_EVERY):
            try:
                self._renew()
            except (RunError, TargetError) as error:
                _log.warning("the lease could not be renewed: %s", error)
                if time.monotonic() - self._written_at > LEASE:
                    self._lost = f"the lease of {self._bucket.address} has ended: {error}"
            if self._lost:
                return

    def _renew(self) -> None:
        assert self._us  # noqa: S101 - it was acquired
        there = self._read()
        holder = there[0] if there else None
        if self._released.is_set():
            return
        # One that had this state is gone: its last request came late.
        is_ours = holder and (holder.token == self._us.token or holder.had_state_of(self._us))
        if there and holder and not is_ours:
            self._lost = (
                f"another run has taken {self._bucket.address}: {escaped(holder.who)} (let it end,"
                " and run the same command again to go on)"
            )
            return
        with contextlib.suppress(ConditionFailed):  # somebody was faster: the next time shows who
            etag = there[1].etag if there else None
            self._write(self._us, etag if self._bucket.obeys_conditions else "")
