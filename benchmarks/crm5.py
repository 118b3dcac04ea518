"""`make crm5`: import the whole of crm5 into a database of its own, and have it counted again independently.

Prints the time, the largest memory of the importing process and every difference; exit 1 when there is one.
The database lies under HOLDFAST_VAR when that is set, so that it can be looked at afterwards; else it is temporary.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared/data/crm5"


def run(var: str) -> int:
    environment = os.environ | {"HOLDFAST_VAR": var}
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], check=True, env=environment, cwd=ROOT)
    began = time.monotonic()
    took = subprocess.run([*manage, "import_file", "crm5", str(FOLDER)], check=False, env=environment, cwd=ROOT)
    if took.returncode:
        return took.returncode
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"imported in {time.monotonic() - began:.0f} s with at most {memory:.0f} MB", flush=True)
    count = [sys.executable, "-m", "benchmarks.crm5_count", str(FOLDER)]
    return subprocess.run(count, check=False, env=environment, cwd=ROOT).returncode


def main() -> int:
    if not FOLDER.is_dir():
        print(f"The data set is not at {FOLDER}; nothing was measured.")
        return 1
    if kept := os.environ.get("HOLDFAST_VAR"):
        return run(kept)
    with tempfile.TemporaryDirectory(prefix="holdfast-crm5-") as var:
        return run(var)


if __name__ == "__main__":
    sys.exit(main())
