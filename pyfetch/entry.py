"""Where the command begins: what can be said at once is said without loading the rest."""

from __future__ import annotations

import sys

from pyfetch import __version__


def main() -> None:
    """Run the command and exit with its status."""
    if sys.argv[1:] in (["-V"], ["--version"]):
        sys.stdout.write(f"pyfetch {__version__}\n")
        return
    from pyfetch.cli import main as run

    run()
