"""The command that tries again what has failed. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pyfetch.settings import Settings
from pyfetch.text import masked

_LONGEST = 120
"""Characters of a command that is shown whole."""
_SUGGESTED = "failed.txt"
_STANDARD_INPUT = "-"
_FOR_WHOLE_LISTS = frozenset({"--prune", "--yes", "-y"})
"""Arguments that must not be used with a list of what failed: all else would be pruned."""


def command_again(
    arguments: Sequence[str], sources: Sequence[str], failed_to: str | None, settings: Settings
) -> str:
    """The command line, with what failed as its list, or with an option that writes that list.

    `arguments`: those of this run, `sources` included; `failed_to`: where the list was written.
    An ellipsis stands for arguments that may hold a secret, or that are too long to be shown.
    Whether one does is asked of the settings: an option may be written in many ways.
    """
    options = [one for one in arguments if one not in sources and one not in _FOR_WHOLE_LISTS]
    kept = shlex.join(options if failed_to else arguments)
    secrets = settings.headers, settings.user, settings.proxy, settings.store_option
    if any(secrets) or masked(kept) != kept:
        kept = "…"
    elif len(kept) > _LONGEST:
        rest = shlex.join(options)
        kept = f"… {rest}".rstrip() if len(rest) <= _LONGEST else "…"
    if failed_to:
        return f"pyfetch {shlex.quote(failed_to)} {kept}"
    piped = "… | " if _STANDARD_INPUT in sources and _STANDARD_INPUT not in arguments else ""
    return f"{piped}pyfetch {kept} --failed-to {_SUGGESTED}"
