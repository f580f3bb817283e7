"""Where the command begins: what can be said at once is said without loading the rest."""

from __future__ import annotations

import gc
import sys

from pyfetch import __version__


def main() -> None:
    """Run the command and exit with its status."""
    if sys.argv[1:] in (["-V"], ["--version"]):
        sys.stdout.write(f"pyfetch {__version__}\n")
        return
    # Imports make much and no garbage: to look for it takes a tenth of their time. Where they
    # are done, `cli` lets it be looked for again.
    gc.disable()
    from pyfetch.cli.command import main as run

    run()
