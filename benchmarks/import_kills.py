"""Kill the long work at random while it tries, applies and takes back a file, and count what became of the rows.

    python -m benchmarks.import_kills --rows 20000 --kills 100

A file of accounts and one of usage events; of every step a process is killed with SIGKILL, again and again, and
another one goes on. After each kill the rows that are in must be those that the progress says.
"""

import argparse
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import django
from django.conf import settings

from benchmarks.outbox_kills import child, in_a_scratch_database

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CHUNK = 20
# What says what became of the files, and which source was heard when; all else must be as before.
RECORD = {"crm_auditrow", "crm_upload", "crm_uploadrow", "crm_rememberedcolumns", "crm_importrun", "crm_importeffect"}
RECORD |= {"crm_importrefusal", "crm_source", "crm_seenmonth", "crm_dirtyaccount"}
Checks = Callable[[], bool]


def written(path: Path, kind: str, rows: int) -> None:
    """Every tenth account is there already under another name; every seventh row cannot be read."""
    head = "id,name,trait:rooms" if kind == "accounts" else "account,user,at,event"
    with path.open("w") as out:
        out.write(f"{head}\n")
        for n in range(rows):
            if kind == "accounts":
                out.write(f"a-{n},{'' if n % 7 == 6 else f'Company {n}'},{n}{'' if n % 7 != 6 else ',one too many'}\n")
            else:
                out.write(f"a-{n % 7 % 6},u{n % 5},{'soon' if n % 7 == 6 else f'2026-11-{n % 20 + 1:02}'},login\n")


def uploaded(path: Path, kind: str, by: Any) -> Any:
    from crm.lib.csv_files import recognise
    from crm.uploads import actions
    from crm.uploads.forms import sample_of

    shape = recognise(path)
    upload = actions.keep(
        kind=kind, filename=path.name, size=path.stat().st_size, path=path, shape=shape,
        sample=sample_of(shape, by_row=False), workbook=False, note="", at=AT, by=by,
    )  # fmt: skip
    names = {"id": "external_id"}
    columns = {names.get(name, name): place for place, name in enumerate(shape.header)}
    return actions.choose_columns(upload, columns=columns, date_order="", users_per_account=False, at=AT, by=by)


def work() -> None:
    from crm.audit.rules import System
    from crm.uploads import actions, queries
    from crm.uploads.actions import working

    working.CHUNK = working.EVENT_CHUNK = CHUNK
    while queries.at_work():
        if not actions.work(clock=lambda: AT, by=System("uploads")):
            sleep(0.02)  # the lock of the one before goes with its connection


def killed(upload: Any, kills: int, chance: random.Random, is_true: Checks) -> tuple[int, int]:
    """Kill the step at hand so often, then let it end; returns (kills in the middle, times the progress was wrong)."""
    done = wrong = 0
    while done < kills:
        pid = begun(upload)
        sleep(chance.uniform(0, 0.05))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        settled()
        upload.refresh_from_db()
        wrong += not is_true()
        if not upload.at_work:
            break
        done += 1
    os.waitpid(child(work), 0)
    upload.refresh_from_db()
    return done, wrong


def begun(upload: Any) -> int:
    """A process that has got somewhere. Where one ends by itself before it does, another follows, as in the worker."""
    before = upload.done
    for _ in range(3):
        pid, ended = child(work), None
        while not ended:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            sleep(0.005)
            upload.refresh_from_db()
            if not upload.at_work or upload.done != before:
                return pid
        os.waitpid(pid, 0)
    raise RuntimeError(f"The long work ends by itself at line {upload.through}, again and again.")


def settled() -> None:
    """Wait for what the killed process had sent to the database already."""
    from django.db import connection

    others = "datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
    others += " AND backend_type = 'client backend' AND wait_event_type IS DISTINCT FROM 'Client'"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {others}")
            if not cursor.fetchone()[0]:
                return
            sleep(0.005)


def accounts_are_right(upload: Any) -> Checks:
    """While it is applied: just the readable rows up to the last line are in, and the counts are theirs."""

    def look() -> bool:
        from crm.accounts.models import Account

        if upload.state != "applying" or not upload.run:
            return True
        into = sum(1 for n in range(max(0, upload.through - 1)) if n % 7 != 6)
        there = Account.objects.system("benchmark").filter(name__startswith="Company").count()
        upload.run.refresh_from_db()
        return bool(into == there == upload.done == upload.run.created + upload.run.updated)

    return look


def uses_are_right(upload: Any) -> Checks:
    """Usage commits before its progress does: it may be ahead of it by the chunk in hand, never behind."""

    def look() -> bool:
        return bool(upload.state != "applying" or 0 <= counted() - upload.done <= CHUNK)

    return look


def counted() -> int:
    from django.db.models import Sum

    from crm.usage.models import UsageDay

    return int(UsageDay.objects.aggregate(uses=Sum("uses"))["uses"] or 0)


def run(rows: int, kills: int, seed: int) -> dict[str, Any]:
    from crm.accounts.models import Account
    from crm.backups.queries import digests, tables
    from crm.staff.models import User
    from crm.uploads import actions
    from crm.uploads.actions.working import MOST_ATTEMPTS

    chance = random.Random(seed)
    by = User.objects.create(email="ops@ours.example", name="Ops", role="ops_admin", created_at=AT)
    Account.objects.bulk_create(
        [Account(external_id=f"a-{n}", name=f"Old {n}", created_at=AT) for n in range(0, rows, 10)]
    )
    names = [name for name in tables() if name not in RECORD]
    before = digests(names)
    said: dict[str, Any] = {"rows": rows, "kills": 0, "progress_was_wrong": 0}

    def step(upload: Any, is_true: Checks, most: int = kills) -> None:
        done, wrong = killed(upload, min(kills, most), chance, is_true)
        said["kills"] += done
        said["progress_was_wrong"] += wrong

    done: list[Any] = []
    with TemporaryDirectory() as folder:
        for kind, looks in (("accounts", accounts_are_right), ("events", uses_are_right)):
            path = Path(folder) / f"{kind}.csv"
            written(path, kind, rows)
            upload = uploaded(path, kind, by)
            step(upload, lambda: True, MOST_ATTEMPTS - 1)  # trying starts over each time, and is given up after five
            said[f"{kind}_tried"] = [upload.state, upload.new, upload.updated, upload.refused]
            actions.start(upload, "applying", at=AT, by=by)
            upload.refresh_from_db()
            step(upload, looks(upload))
            said[f"{kind}_applied"] = [upload.state, upload.run.created, upload.run.updated, upload.done]
            done.append(upload)
    there = Account.objects.system("benchmark").filter(name__startswith="Company")
    said["accounts_in"], said["events_counted"] = there.count(), counted()
    for upload in reversed(done):
        actions.start(upload, "undoing", at=AT, by=by)
        upload.refresh_from_db()
        step(upload, lambda: True)
        upload.run.refresh_from_db()
        said[f"{upload.kind}_undone"] = [upload.state, upload.run.left]
    after = digests(names)
    said["tables_not_as_before"] = sorted(name for name in names if after[name] != before[name])
    return said


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=20_000)
    asked.add_argument("--kills", type=int, default=20, help="of each of the six steps")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--database", default="", help="an empty database that is there already, such as a test's")
    given = asked.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    if given.database:
        settings.DATABASES["default"]["NAME"] = given.database
        django.setup()
        said = run(given.rows, given.kills, given.seed)
    else:
        said = in_a_scratch_database(lambda: run(given.rows, given.kills, given.seed))
    json.dump(said, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
