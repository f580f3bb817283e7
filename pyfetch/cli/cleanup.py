"""`--cleanup`: remove parts and backups, and list them."""

from __future__ import annotations

import io
import os
import sys

from pyfetch.cli.main import imports_done
from pyfetch.errors import StoppedError, UsageError
from pyfetch.models import TargetError
from pyfetch.settings import Settings
from pyfetch.storage.cleanup import clean_up
from pyfetch.storage.destination import existing_home, reach_bucket
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import OWN_DIRECTORY, is_there
from pyfetch.storage.pruning import PRUNED_DIRECTORY, kept_files
from pyfetch.text import escaped
from pyfetch.units import format_size


def show_cleanup(settings: Settings, *, quiet: bool) -> int:
    """Remove them and list them on standard output. Returns the exit status.

    Raises `RunError`.
    """
    imports_done()
    nothing = f"there is nothing to clean up in {settings.output_dir}"
    home = existing_home(settings, nothing)
    if not is_there(os.fspath(home / OWN_DIRECTORY)):
        raise UsageError(f"{nothing}: no run has saved there (it has no {OWN_DIRECTORY})")
    try:
        objects = None
        if settings.in_bucket:
            from pyfetch.storage.objects.object_store import ObjectStore

            objects = ObjectStore.of(settings, OutputDirectory(home))
            reach_bucket(settings, objects)
        removed = clean_up(home, settings.wait_lock, objects)
    except TargetError as error:
        raise StoppedError(error.detail) from error
    out = sys.stdout or io.StringIO()
    try:
        if not quiet:
            for path in removed:
                out.write(f"{escaped(path)}\n")
            out.flush()
    except OSError as error:
        raise StoppedError(f"cannot write the list: {error.strerror}") from error
    if not quiet and sys.stderr:
        number = len(removed)
        sys.stderr.write(f"pyfetch: removed {number} {'file' if number == 1 else 'files'}\n")
        others = objects.other_uploads() if objects else 0
        if others:
            uploads = "upload stays" if others == 1 else "uploads stay"
            sys.stderr.write(f"pyfetch: {others} {uploads} that others have begun\n")
        kept, size = kept_files(home)
        if kept:
            where = home / OWN_DIRECTORY / PRUNED_DIRECTORY
            files = "pruned file stays" if kept == 1 else "pruned files stay"
            sys.stderr.write(
                f"pyfetch: {kept} {files} ({format_size(size)}): remove {escaped(str(where))} if"
                " nobody needs them\n"
            )
    return 0
