"""`make bench`: every budget of the plan as a ratio to a baseline of the same run, in one table.

    python -m benchmarks [--accounts N | --full] [--only ingest|scoring|pages]

Each part runs by itself, one after the other, on a database server of its own that is gone afterwards. Ratios
mean something on a quiet machine only, so the load is printed with them. Exit 1 when a part broke or gave no figure.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.own_folder import own_folder

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("ingest", "scoring", "pages")
FEW, MANY = 10_000, 100_000
# As the parts print them: "accept, of …   0.62, budget at least 0.5: kept", "  search, …: …, ratio 0.13 (budget 0.25)".
AT_LEAST = re.compile(
    r"^(?P<name>\S.*?)\s+(?P<ratio>[\d.]+), budget at least (?P<budget>[\d.]+): (?P<word>kept|missed)$"
)
AT_MOST = re.compile(
    r"^\s+(?P<name>[^:]+): .*?(?:ratio )?(?P<ratio>[\d.]+)(?: bytes)? \(budget (?P<budget>[\d.]+)(?P<word>, MISSED)?\)$"
)


@dataclass(frozen=True)
class Figure:
    """One line of the table. `budget` with its direction, as printed."""

    part: str
    name: str
    ratio: str
    budget: str
    met: bool


def figure(part: str, line: str) -> Figure | None:
    """The figure that a line of a part's output holds, if it has a budget."""
    if found := AT_LEAST.match(line):
        return Figure(part, found["name"], found["ratio"], f"≥ {found['budget']}", found["word"] == "kept")
    if found := AT_MOST.match(line):
        return Figure(part, found["name"], found["ratio"], f"≤ {found['budget']}", not found["word"])
    return None


def runs(only: str | None, accounts: Sequence[int]) -> Iterator[tuple[str, list[str]]]:
    """(title, module and arguments) of each part; a part that is not installed is skipped with one line."""
    for name in PARTS if only is None else [only]:
        if find_spec(f"benchmarks.{name}") is None:
            print(f"benchmarks/{name}.py is not here: skipped.")
        elif name == "ingest":
            yield name, [f"benchmarks.{name}"]
        else:
            for many in accounts:
                yield f"{name}, {many:,}", [f"benchmarks.{name}", "--accounts", str(many)]


def run(title: str, module: Sequence[str]) -> tuple[list[Figure], bool]:
    """The part's figures, and whether it came to its end; what it prints goes on to the reader."""
    load = os.getloadavg()[0]
    print(f"\n{title} (load {load:.1f})", flush=True)
    found = []
    with own_folder("bench") as var:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment["HOLDFAST_VAR"] = var
        collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
        subprocess.run(collect, cwd=ROOT, env=environment, check=True)  # pages name their files by their manifest
        command = [sys.executable, "-m", *module]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                if one := figure(title, line.rstrip("\n")):
                    found.append(one)
            broken = process.wait() != 0
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    return found, not broken and bool(found)


def table(figures: Iterable[Figure]) -> str:
    rows = [("part", "figure", "ratio", "budget", "")]
    rows += [(one.part, one.name, one.ratio, one.budget, "met" if one.met else "MISSED") for one in figures]
    wide = [max(len(row[n]) for row in rows) for n in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--accounts", type=int, default=FEW, help="how many accounts scoring and pages are measured with"
    )
    parser.add_argument("--full", action="store_true", help=f"with {FEW:,} and with {MANY:,} accounts")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a part and its server end with us
    figures, broken = [], []
    for title, module in runs(chosen.only, (FEW, MANY) if chosen.full else (chosen.accounts,)):
        found, whole = run(title, module)
        figures += found
        broken += [] if whole else [title]
    print(f"\n{table(figures)}")
    for title in broken:
        print(f"{title} broke off or gave no figure.")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
