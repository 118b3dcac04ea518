"""A CSV of 100,000 accounts through the door: memory, time, the page meanwhile, and an undo to the last byte.

    python -m benchmarks.imports_large --accounts 100000

The long work runs in a process of its own, as in production; its greatest memory is printed. The same page that
a person would look at is asked again and again while it works.
"""

import argparse
import csv
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

import django

from benchmarks.own_folder import own_folder

WORKER = """
import resource
import django
django.setup()
from datetime import UTC, datetime
from crm.audit.rules import System
from crm.uploads import actions
while actions.work(clock=lambda: datetime.now(UTC), by=System("uploads")):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
TABLES = ("crm_account", "crm_ownerchange", "crm_trait", "crm_traitdefinition")


def write(path: Path, accounts: int) -> None:
    """Every tenth account is there already under another name, every hundredth row cannot be read."""
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "name", "domains", "segment", "tags", "customer since", "trait:channel", "trait:rooms"])
        for n in range(accounts):
            since = f"2025-{n % 12 + 1:02}-{n % 28 + 1:02}" if n % 100 else "soon"
            domain, kind, channel = f"c{n}.example", ("Small", "Large")[n % 2], ("web", "partner")[n % 2]
            writer.writerow([f"a-{n}", f"Company {n} GmbH", domain, kind, "new; bench", since, channel, n % 500])


def digests() -> dict[str, str]:
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT md5(coalesce(string_agg(md5(row::text), '' ORDER BY id), '')) FROM {table} AS row")
            found[table] = cursor.fetchone()[0]
    return found


def worked(look: Callable[[], Any]) -> tuple[float, int, list[float]]:
    """Let the long work work; returns its seconds and MB, and how long each look at the page took, in ms."""
    started, looks = monotonic(), []
    worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True)
    while worker.poll() is None:
        asked = monotonic()
        look()
        looks.append((monotonic() - asked) * 1000)
        sleep(0.5)
    said = worker.communicate()[0]
    if worker.returncode:
        raise SystemExit("The long work failed.")
    return monotonic() - started, int(said.split()[-1]), looks


def main(accounts: int, path: Path) -> None:
    from datetime import UTC, datetime

    from django.core.files.uploadedfile import TemporaryUploadedFile
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    from crm.accounts.models import Account
    from crm.uploads.models import Upload
    from tests.factories import user

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    now = datetime.now(UTC)
    Account.objects.system("benchmark").bulk_create(
        [Account(external_id=f"a-{n}", name=f"Old {n}", created_at=now) for n in range(0, accounts, 10)],
        batch_size=5_000,
    )
    client = Client(HTTP_HOST="localhost")
    client.force_login(user("ops_admin"))
    before = digests()
    with TemporaryUploadedFile("accounts.csv", "text/csv", path.stat().st_size, "utf-8") as file:
        with path.open("rb") as raw:
            while block := raw.read(1 << 20):
                file.write(block)
        file.seek(0)
        started = monotonic()
        client.post(reverse("imports"), {"kind": "accounts", "file": file})
        print(f"upload of {path.stat().st_size / 1e6:.1f} MB: {monotonic() - started:.1f} s")
    made = Upload.objects.get()
    page = reverse("upload", args=[made.pk])
    meant = ("external_id", "name", "domains", "segment", "tags", "customer_since", "trait:channel", "trait:rooms")
    client.post(
        reverse("upload-columns", args=[made.pk]), {f"column-{place}": ours for place, ours in enumerate(meant)}
    )
    for step in ("try", "apply", "undo"):
        if step != "try":
            client.post(reverse(f"upload-{step}", args=[made.pk]))
        seconds, megabytes, looks = worked(lambda: client.get(page))
        made.refresh_from_db()
        counts = f"{made.new:,} new, {made.updated:,} updated, {made.unchanged:,} unchanged, {made.refused:,} refused"
        print(f"{step}: {seconds:.1f} s, {megabytes} MB; {made.state}: {counts}; {made.problem}")
        print(f"  the page meanwhile: median {median(looks):.0f} ms, slowest {max(looks):.0f} ms of {len(looks)}")
        if step == "try":
            print(f"  nothing was written: {digests() == before}")
    print(f"as before, to the byte: {digests() == before}; {made.run.left if made.run else '?'} rows left")
    print(f"greatest memory of the web process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    accounts = parser.parse_args().accounts
    with own_folder("imports") as var:
        os.environ["HOLDFAST_VAR"] = var
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
        table = Path(var) / "accounts.csv"
        write(table, accounts)
        django.setup()
        main(accounts, table)
