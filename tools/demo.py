"""The main job, from end to end: real files from a server on the loopback, compared byte by byte.

The files are the running Python's own standard library. Run it with `make demo`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from urllib.parse import quote

from tests.support.server import LoopbackServer, Page

PYFETCH = [sys.executable, "-m", "pyfetch"]
MOST_FILES = 600


def main() -> int:
    library = Path(sysconfig.get_path("stdlib"))
    files = sorted(p for p in library.rglob("*.py") if "site-packages" not in p.parts)
    files = files[:: max(1, len(files) // MOST_FILES)]
    output_dir = Path("demo-data")
    shutil.rmtree(output_dir, ignore_errors=True)
    with LoopbackServer() as server, tempfile.TemporaryDirectory() as scratch:
        originals = {}
        for file in files:
            path = "/" + quote(file.relative_to(library).as_posix())
            server.pages[path] = Page(file.read_bytes(), file.stat().st_mtime)
            originals[server.url + path] = file
        urls = Path(scratch, "urls.txt")
        urls.write_text("".join(f"{url}\n" for url in originals))
        print(f"$ pyfetch urls.txt --workers 8 -o {output_dir}    # {len(originals)} URLs")
        fetch = [*PYFETCH, str(urls), "--workers", "8", "-o", str(output_dir)]
        subprocess.run([*fetch, "--format", "table"], check=True)
        # Names are decided from the input alone, so a second run tells where all went.
        told = subprocess.run(
            [*fetch, "--if-exists", "skip", "--format", "jsonl"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    wrong = 0
    results = [json.loads(line) for line in told.stdout.splitlines()]
    for result in results:
        if Path(result["path"]).read_bytes() != originals[result["url"]].read_bytes():
            print(f"DIFFERS: {result['path']} and {originals[result['url']]}")
            wrong += 1
    if wrong or len(results) != len(originals):
        print(f"{wrong} files differ, {len(originals) - len(results)} are missing")
        return 1
    size = sum(file.stat().st_size for file in files)
    print(f"All {len(results)} files, {size} bytes, are the same as the originals, byte by byte.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
