"""Count crm5 a second time, in plain Python straight from the CSV, and compare with what the import stored.

Shares no code and no SQL with the import: rows are split by hand, money is added in Decimal, and the database
is read by statements of its own. Run it after `manage.py import_file crm5 FOLDER`:

    python -m benchmarks.crm5_count ../shared/data/crm5
"""

import csv
import gzip
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
NOBODY_USES = {"unsub_lead"}  # docs: a lead that unsubscribes acts by itself

Uses = Counter[tuple[str, str, str]]
Money = defaultdict[tuple[str, str, str], Decimal]


def counted_from_csv(path: Path) -> tuple[int, Uses, Money, Uses]:
    """(rows, uses and money by account, day and event, uses by account, day and user)."""
    rows, uses, people = 0, Uses(), Uses()
    money: Money = defaultdict(Decimal)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            rows += 1
            day = row["at"].split("T")[0]
            uses[row["account_id"], day, row["event"]] += 1
            if row["value"]:
                money[row["account_id"], day, row["event"]] += Decimal(row["value"])
            if row["event"] not in NOBODY_USES:
                people[row["account_id"], day, row["user_id"]] += 1
    return rows, uses, money, people


def stored(statement: str) -> Iterator[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '10min'")
        cursor.execute(statement)
        while block := cursor.fetchmany(20_000):
            yield from block


USAGE = """
    SELECT a.external_id, to_char(u.day, 'YYYY-MM-DD'), e.name, u.uses, u.amount
    FROM crm_usage_day u, crm_account a, crm_eventname e WHERE a.id = u.account_id AND e.id = u.event_id"""
PEOPLE = """
    SELECT a.external_id, to_char(p.day, 'YYYY-MM-DD'), who.external_id, p.uses
    FROM crm_person_day p, crm_account a, crm_person who WHERE a.id = p.account_id AND who.id = p.person_id"""


def differences(folder: Path) -> list[str]:
    """Each line names a figure that differs; empty when all agree."""
    rows, uses, money, people = counted_from_csv(folder / "events.csv.gz")
    found = []
    held_rows, held_money = 0, Decimal(0)
    for account, day, event, count, amount in stored(USAGE):
        held_rows += count
        held_money += Decimal(amount) / 1_000_000
        key = (account, day, event)
        if uses.pop(key, 0) != count:
            found.append(f"uses of {key}: stored {count}")
        if money.pop(key, Decimal(0)) != Decimal(amount) / 1_000_000:
            found.append(f"money of {key}: stored {amount} millionths")
    for account, day, who, count in stored(PEOPLE):
        key = (account, day, who.removeprefix(f"{account}:"))
        if people.pop(key, 0) != count:
            found.append(f"uses by {key}: stored {count}")
    found += [f"{what} of {key} are not stored" for what, left in (("uses", uses), ("money", money)) for key in left]
    found += [f"uses by {key} are not stored" for key in people]
    print(f"events: {rows:,} in the file, {held_rows:,} stored; money stored: {held_money:,}")
    return found + ([] if rows == held_rows else ["the number of events differs"])


def subscription_differences(folder: Path) -> list[str]:
    """Days from a month's first to the next: MRR of all accounts per day, from the file and from the rows."""
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    days = [f"{year}-{month:02}-01" for year in (2022, 2023) for month in range(1, 13)]
    with (folder / "subscriptions.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            net = Decimal(row["mrr"]) * (1 - Decimal(row["discount"]))
            for day in days:
                if row["start_date"] <= day < row["end_date"]:
                    expected[day] += net
    held = dict(
        stored(
            "SELECT to_char(d, 'YYYY-MM-DD'), sum(c.mrr) FROM crm_subscriptionchange c, "
            "generate_series('2022-01-01'::date, '2023-12-01', '1 month') d "
            "WHERE c.effective_on <= d AND d < c.ends_on GROUP BY 1"
        )
    )
    return [
        f"MRR on {day}: {expected[day]} in the file, {held.get(day, 0)} stored"
        for day in days
        if abs(expected[day] - held.get(day, 0)) >= Decimal("0.000001")
    ]


def main(folder: Path) -> int:
    import django

    django.setup()
    began = time.monotonic()
    found = [*differences(folder), *subscription_differences(folder)]
    for line in found[:20]:
        print(line)
    print(f"{len(found)} differences, counted in {time.monotonic() - began:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/crm5")))
