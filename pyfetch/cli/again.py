"""The command that tries again what has failed. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_LONGEST = 120
"""Characters of a command that is shown whole."""
_MAY_HOLD_SECRETS = ("-H", "--header", "-u", "--user", "--proxy", "-x", "--cookies", "--key")
_SUGGESTED = "failed.txt"
_STANDARD_INPUT = "-"


def command_again(arguments: Sequence[str], sources: Sequence[str], failed_to: str | None) -> str:
    """The command line, with what failed as its list, or with an option that writes that list.

    `arguments`: those of this run, `sources` included; `failed_to`: where the list was written.
    An ellipsis stands for arguments that may hold a secret, or that are too long to be shown.
    """
    kept = [one for one in arguments if not failed_to or one not in sources]
    text = shlex.join(kept)
    secret = any(one.startswith(_MAY_HOLD_SECRETS) or "@" in one for one in kept)
    if secret or len(text) > _LONGEST:
        text = "…"
    if failed_to:
        return f"pyfetch {shlex.quote(failed_to)} {text}"
    piped = "… | " if _STANDARD_INPUT in sources and _STANDARD_INPUT not in arguments else ""
    return f"{piped}pyfetch {text} --failed-to {_SUGGESTED}"
