"""The password of `-u NAME`: asked for on the terminal, where nobody sees it."""

from __future__ import annotations

import getpass
import os

from pyfetch.errors import UsageError


def asked_for(user: str) -> str:
    """What the user types on the terminal, which does not show it. Raises `UsageError`."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return getpass.getpass(f"Password for {user}: ")
    except (OSError, EOFError):
        raise UsageError(
            f"-u {user} asks for the password on a terminal, and there is none"
            f" (write -u {user}:PASSWORD, or use a netrc file)"
        ) from None
