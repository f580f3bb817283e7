"""What goes with what among the settings."""

from __future__ import annotations

from pyfetch.settings import OF_PACKS, SETTINGS, Group

_DOES_IT = {"exec", "map"}


def beside(name: str) -> dict[str, object]:
    """What has to be said beside a setting, so that it means something."""
    if name == "connections_per_host":
        return {"engine": "curl"}
    if name in OF_PACKS:
        return {"pack": "webdataset"}
    of_computing = SETTINGS[name].group is Group.COMPUTING and name not in _DOES_IT
    return {"map": "module:function"} if of_computing else {}
