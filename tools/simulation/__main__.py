"""All scenarios: `python -m tools.simulation` prints the tables, and fails where one must.

Words choose rows: `python -m tools.simulation 1,000,000` makes the long one, left out else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from tools.simulation import table
from tools.simulation.cluster import table as table_of_cluster
from tools.simulation.cluster.table import LONG

Row = Callable[[str], tuple[str, bool]]


def main(parts: list[str]) -> int:
    failed = 0
    with ProcessPoolExecutor() as executor:
        tables: list[tuple[str, list[str], Row]] = [
            (table.HEAD, table.NAMES, table.row),
            (table_of_cluster.HEAD, table_of_cluster.NAMES, table_of_cluster.row),
        ]
        for head, names, row in tables:
            chosen = [
                name
                for name in names
                if (any(part in name for part in parts) if parts else name not in LONG)
            ]
            if chosen:
                print(head)
            for line, held in executor.map(row, chosen):
                print(line, flush=True)
                failed += not held
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
