"""`make crm5`: import the whole of crm5 into a database of its own, count it again independently, and score it.

    python -m benchmarks.crm5 [--only onboarding] [FOLDER]

Prints the time, the largest memory of the importing process and every difference, then whether the default
scorecard, as it is and with nothing tuned, tells who left within 60 days of a month-end, and what an onboarding plan
finds against a second count (alone: `--only onboarding FOLDER`, into which crm5 was imported before). Exit 1 when a
count differs. With FOLDER (or HOLDFAST_VAR) the database is kept there to be looked at; else it is temporary.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from benchmarks import crm5_onboarding
from benchmarks.crm5_leavers import Estimate, Row, compare, label, month_ends, verdict
from benchmarks.own_folder import own_folder
from crm.lib.intervals import wilson

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared/data/crm5"
HORIZON = 60
FIRST, LAST = date(2022, 6, 30), date(2023, 4, 30)
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


def score(days: Sequence[date]) -> None:
    """Score days that are over: in hindsight, from the days themselves, into the ledger."""
    from django.core.management import call_command

    began = time.monotonic()
    for day in days:
        call_command("score", day=str(day), skip_checks=True)
    print(f"{len(days)} days were scored in {time.monotonic() - began:.0f} s", flush=True)


def judged(days: Sequence[date], reach: date) -> Iterator[Row]:
    """Live accounts with a known score on each landmark, where it is known who left afterwards."""
    from crm.accounts.models import Account
    from crm.subscriptions.queries import churned_on
    from retention.scores.queries import points_on

    names = dict(Account.objects.system("benchmark").values_list("pk", "external_id"))
    left_on = churned_on(reach)
    for day in days:
        for account, points, band in points_on(day):
            left = label(day, left_on.get(account), HORIZON, reach)
            if points is not None and left is not None:
                yield Row(names[account], day, points, band, left)


def report(rows: Sequence[Row]) -> None:
    from retention.scores.models import Band

    found = compare(rows)
    left, stayed = ([row.points / 10 for row in rows if row.left is which] for which in (True, False))
    leavers = len({row.account for row in rows if row.left})
    days = sorted({row.day for row in rows})
    print(f"\nmonth-ends {days[0]} to {days[-1]}, {len(days)} of them; left within {HORIZON} days")
    print(f"  account × month-end: {len(rows)}, of {len({row.account for row in rows})} accounts")
    for words, group in (("left", left), ("stayed", stayed)):
        print(
            f"  {words}: {len(group)} rows, mean score {statistics.mean(group):.1f}, "
            f"median {statistics.median(group):.1f}"
        )
    print(f"  distinct accounts that left: {leavers}")
    print(f"  difference of the means: {_interval(found.difference, 1)} points")
    print(f"  AUC: {_interval(found.auc, 3)}: {verdict(found.auc, leavers)}")
    print("  churn per band, with Wilson's interval:")
    for band in Band:
        of_band = [row for row in rows if row.band == band]
        if of_band:
            gone = sum(row.left for row in of_band)
            around, share = wilson(gone, len(of_band)), gone / len(of_band)
            assert around is not None
            print(f"    {band.word}: {gone} of {len(of_band)}, {share:.1%} ({around.low:.1%} to {around.high:.1%})")


def _interval(found: Estimate, places: int) -> str:
    return f"{found.value:.{places}f} ({found.low:.{places}f} to {found.high:.{places}f})"


def show(day: date) -> None:
    from crm.subscriptions.queries import churned_on
    from retention.scores.models import Band
    from retention.scores.queries import points_on

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
    from crm.staff.queries import installation

    landmarks, reach = month_ends(FIRST, LAST), installation().paid_through
    assert reach is not None, "The import says through when subscriptions are known."
    score([*landmarks, SHOWN])
    report(list(judged(landmarks, reach)))
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
