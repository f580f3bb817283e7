"""`--cleanup`: remove parts and backups, and list them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from pyfetch.cli.main import imports_done
from pyfetch.errors import StoppedError
from pyfetch.models import TargetError
from pyfetch.settings import Settings
from pyfetch.storage.cleanup import clean_up
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.pruning import PRUNED_DIRECTORY, kept_files
from pyfetch.text import escaped
from pyfetch.units import format_size


def show_cleanup(settings: Settings, *, quiet: bool) -> int:
    """Remove them and list them on standard output. Returns the exit status.

    Raises `RunError`.
    """
    imports_done()
    try:
        removed = clean_up(Path(settings.output_dir), settings.wait_lock)
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
        kept, size = kept_files(Path(settings.output_dir))
        if kept:
            where = Path(settings.output_dir, OWN_DIRECTORY, PRUNED_DIRECTORY)
            files = "pruned file stays" if kept == 1 else "pruned files stay"
            sys.stderr.write(
                f"pyfetch: {kept} {files} ({format_size(size)}): remove {escaped(str(where))} if"
                " nobody needs them\n"
            )
    return 0
