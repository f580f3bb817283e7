"""`--prune` in a bucket: objects that the list no longer names move to `.pyfetch/pruned/`.

Only those go that pyfetch has marked as those of their URLs, and that have the size they had. None
is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count

from pyfetch.errors import StoppedError
from pyfetch.models import TargetError
from pyfetch.naming.components import PathComponent, numbered
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.lock import RunLock
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.object_saving import owner_mark
from pyfetch.storage.objects.object_store import ObjectStore
from pyfetch.storage.pruning import PRUNED_DIRECTORY, Pruned
from pyfetch.storage.recorded_file import RecordedFile
from pyfetch.storage.state import STATE_FILE, State
from pyfetch.storage.unnamed_files import UnnamedFiles

_PRUNED = f"{OWN_DIRECTORY}/{PRUNED_DIRECTORY}"
_NUMBER = "-1000"
"""Room for a number in a key."""


def is_as_fetched(bucket: Bucket, file: RecordedFile) -> bool | None:
    """Whether an object is as pyfetch has put it there; None: it is gone. Raises `StoppedError`."""
    try:
        there = bucket.head(file.path)
    except TargetError as error:
        raise StoppedError(error.detail) from error
    if there is None:
        return None
    return there.mark == owner_mark(file.url) and there.size == file.size


def prune_objects(
    store: ObjectStore, lock: RunLock, files: UnnamedFiles, wait: float = 0.0
) -> Iterator[Pruned]:
    """As `pruning.prune`, in a bucket. `lock`: that of its runs."""
    bucket = store.bucket
    lock.acquire(wait)
    try:
        with closing(State(store.directory.path / OWN_DIRECTORY / STATE_FILE)) as state:
            for file in files.gone():
                state.forget(file)
            for file in files:
                if not is_as_fetched(bucket, file):
                    continue
                lock.check()
                try:
                    bucket.check(f"{_PRUNED}/{file.path}{_NUMBER}")
                except TargetError:
                    continue  # the key where it would move to is too long
                try:
                    to = _free(bucket, file.path)
                    bucket.copy(file.path, to)
                    bucket.delete(file.path)
                except TargetError as error:
                    raise StoppedError(f"{error.detail}, so nothing more is pruned") from error
                state.forget(file)
                yield Pruned(file.path, to)
            state.commit()
    finally:
        lock.release()


def _free(bucket: Bucket, path: str) -> str:
    parent, slash, name = path.rpartition("/")
    for number in count():
        tried = numbered(PathComponent(name), number) if number else name
        to = f"{_PRUNED}/{parent}{slash}{tried}"
        if bucket.head(to) is None:
            return to
    raise AssertionError
