"""`make crm5`: import the whole of crm5 into a database of its own, count it again independently, and score it.

    python -m benchmarks.crm5 [--only onboarding] [FOLDER]

Prints the time, the largest memory of the importing process and every difference, then what `manage.py backtest`
says of the default scorecard, and what an onboarding plan finds against a second count (alone: `--only onboarding
FOLDER`, into which crm5 was imported before). Exit 1 when a count differs. With FOLDER (or HOLDFAST_VAR) the database
is kept there to be looked at; else it is temporary.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from benchmarks import crm5_onboarding
from benchmarks.own_folder import own_folder

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared/data/crm5"
SHOWN = date(2023, 6, 1)  # inside the data, so that the portfolio has bands to show; its outcomes are not known


def take_in(var: str) -> int:
    """Import and count again, each in a process of its own; 0 when nothing differs."""
    environment = os.environ | {"HOLDFAST_VAR": var}
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], check=True, env=environment, cwd=ROOT)
    began = time.monotonic()
    subprocess.run([*manage, "import_file", "crm5", str(FOLDER)], check=True, env=environment, cwd=ROOT)
    wall, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"imported in {wall:.0f} s at a load of {os.getloadavg()[0]:.1f} ({used.ru_utime + used.ru_stime:.0f} s of "
        f"processor time besides the database's) with at most {used.ru_maxrss / 1024:.0f} MB",
        flush=True,
    )
    count = [sys.executable, "-m", "benchmarks.crm5_count", str(FOLDER)]
    return subprocess.run(count, check=False, env=environment, cwd=ROOT).returncode


def ask_the_past(*words: str) -> None:
    """The back-test of the default scorecard, as everybody runs it."""
    from django.core.management import call_command

    began = time.monotonic()
    call_command("backtest", *words, skip_checks=True)
    print(f"the past was asked in {time.monotonic() - began:.0f} s", flush=True)


def show(day: date) -> None:
    """Score one day into the ledger, and say how the bands are filled."""
    from django.core.management import call_command

    from crm.subscriptions.queries import churned_on
    from retention.scores.models import Band
    from retention.scores.queries import points_on

    call_command("score", day=str(day), skip_checks=True)
    gone = {account for account, left_on in churned_on(day).items() if left_on is not None}
    bands = [band for account, _points, band in points_on(day) if account not in gone]
    print(f"\n{day}: " + ", ".join(f"{Band(band).word} {bands.count(band)}" for band in Band))


def only_onboarding(var: str) -> int:
    """Compare the onboarding alone, in a folder into which the data were imported before."""
    environment = os.environ | {"HOLDFAST_VAR": var}
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"], check=True, env=environment, cwd=ROOT
    )
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.crm5_onboarding", str(FOLDER)], check=False, env=environment, cwd=ROOT
    ).returncode


def run(var: str) -> int:
    differences = take_in(var)
    os.environ["HOLDFAST_VAR"] = var
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    import django

    django.setup()
    ask_the_past("--json")
    ask_the_past()
    show(SHOWN)
    return max(differences, crm5_onboarding.compare(FOLDER))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["onboarding"], help="of a folder into which crm5 was imported already")
    parser.add_argument("folder", nargs="?", default=os.environ.get("HOLDFAST_VAR"), help="where the database is kept")
    given = parser.parse_args()
    kept = given.folder
    if not FOLDER.is_dir():
        print(f"The data set is not at {FOLDER}; nothing was measured.")
        return 1
    os.environ.pop("DATABASE_URL", None)
    with own_folder("crm5", kept) as var:
        return only_onboarding(var) if given.only else run(var)


if __name__ == "__main__":
    sys.exit(main())
