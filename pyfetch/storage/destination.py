"""Where a run saves: in a directory or in a bucket; and where its state, lock and parts are."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pyfetch.errors import UsageError
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import OWN_DIRECTORY

if TYPE_CHECKING:
    from pyfetch.settings import Settings
    from pyfetch.storage.filesystem import DirectoryIdentity
    from pyfetch.storage.lock import RunLock
    from pyfetch.storage.objects.bucket import Bucket
    from pyfetch.storage.packs.pack_store import PackStore
    from pyfetch.storage.packs.packs import Packs
    from pyfetch.storage.state import State
    from pyfetch.storage.store import Store


def home_of(settings: Settings) -> Path:
    """The directory that has `.pyfetch`: state, lock and parts of a run.

    That is the output directory; for a bucket, one of its own below `--state-dir`.
    """
    if not settings.in_bucket:
        return Path(settings.output_dir)
    above = Path(settings.state_dir) if settings.state_dir else _state_of_user() / "pyfetch"
    address = settings.output_dir.rstrip("/")
    # The same bucket and prefix of another server is another place.
    endpoints = [value for name, value in settings.store_option if "endpoint" in name]
    digest = hashlib.sha256("\n".join([address, *sorted(endpoints)]).encode()).hexdigest()
    shown = re.sub(r"[^A-Za-z0-9.-]+", "-", address)[:80]
    return above / f"{shown}-{digest[:12]}"


def _state_of_user() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    # A relative path means nothing there (XDG Base Directory Specification).
    return Path(given) if given.startswith("/") else Path("~/.local/state").expanduser()


def existing_home(settings: Settings, nothing: str) -> Path:
    """As `home_of`, for what is done with the files of earlier runs.

    `nothing`: a clause that says what is not there to do. Raises `UsageError` if the directory is
    not there.
    """
    home = home_of(settings)
    try:
        with os.scandir(home):
            return home
    except OSError as error:
        why = f"cannot read {home}: {error.strerror} (is its name right?)"
    if settings.in_bucket:
        why = (
            f"{home} is not there, where the state of its runs would be (is its name right?"
            " --state-dir says where else)"
        )
    raise UsageError(f"{nothing}: {why}")


def store_of(settings: Settings, known: DirectoryIdentity | None = None) -> Store:
    """The store of a run that keeps what it fetches.

    `known`: what another process of the run found at `home_of`. Raises `UsageError` for options of
    a bucket that cannot be used.
    """
    directory = OutputDirectory(home_of(settings), known)
    if settings.pack:
        from pyfetch.storage.packs.pack_store import PackStore

        return PackStore.of(settings, directory)
    if settings.in_bucket:
        from pyfetch.storage.objects.object_store import ObjectStore

        return ObjectStore.of(settings, directory)
    from pyfetch.storage.file_store import FileStore

    return FileStore(directory, settings.min_free, fsync=settings.fsync)


def reach_bucket(settings: Settings, store: Store) -> None:
    """Find out whether the bucket of a run is there, if that is where its store saves.

    Raises a `StoppedError`, after a few seconds if nothing answers. The lock does the same.
    """
    if settings.in_bucket:
        _bucket_of(store).reach(OWN_DIRECTORY)


def _bucket_of(store: Store) -> Bucket:
    """That of a store of a run into a bucket."""
    from pyfetch.storage.objects.object_store import ObjectStore

    if isinstance(store, ObjectStore):
        return store.bucket
    from pyfetch.storage.packs.packs_in_bucket import PacksInBucket

    sealed = pack_store(store).sealed
    assert isinstance(sealed, PacksInBucket)  # noqa: S101 - as the settings say
    return sealed.bucket


def packs_of(settings: Settings, store: Store, state: State) -> Packs:
    """The packs that a run into this store fills. Raises a `RunError`."""
    from pyfetch.storage.packs.packs import Packs

    in_order = settings.pack_order == "input"
    return Packs(pack_store(store), state, in_order=in_order, list_file=settings.pack_list)


def pack_store(store: Store | None) -> PackStore:
    """The same store, in a run that packs."""
    from pyfetch.storage.packs.pack_store import PackStore

    assert isinstance(store, PackStore)  # noqa: S101 - as the settings say
    return store


def lock_of(settings: Settings, store: Store) -> RunLock:
    """The lock that allows one run at a time where this store saves."""
    from pyfetch.storage.lock import RunLock

    home = store.directory.path
    if settings.in_bucket:
        from pyfetch.storage.objects.bucket_lock import BucketLock

        return BucketLock(_bucket_of(store), home, elsewhere=settings.on_cluster)
    return RunLock(home, elsewhere=settings.on_cluster)
