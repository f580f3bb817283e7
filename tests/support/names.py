"""Names of files: texts that they are made from, and the laws that each keeps."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from pyfetch.naming.components import safe

RESERVED = '<>:"/\\|?*'

# Text in which what matters is frequent, and long enough to be cut.
texts = st.one_of(
    st.text(),
    st.text(alphabet="./\\%:*?\x00\n\u202e \u3000e\u0301ªCON1-_tarz", max_size=400),
    st.builds("{}{}{}".format, st.text(), st.sampled_from(["a", "é", "𝄞", ". "]), st.text()).map(
        lambda text: text * 40
    ),
)


def breaches(name: str) -> list[str]:
    """The laws for a name that this one breaks."""
    law = {
        "not empty": name != "",
        "one component": not set(name) & {"/", "\\", "\0"} and name not in {".", ".."},
        "no reserved character": not set(name) & set(RESERVED),
        "not hidden": not name.startswith("."),
        "no option": not name.startswith("-"),
        "nothing at an end that Windows drops": name == name.strip() and not name.endswith("."),
        "at most 255 bytes of UTF-8": len(name.encode()) <= 255,
        "normal form C": unicodedata.is_normalized("NFC", name),
        "printable": not {unicodedata.category(c) for c in name}
        & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"},
        "safe already": safe(name) == name,
    }
    return [promise for promise, kept in law.items() if not kept]
