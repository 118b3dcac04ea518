"""Usage that is known by the month only, spread over its days; and events taken back that an import had counted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from crm.audit.rules import Actor
from crm.lib.partitions import ensure_months
from crm.lib.sql_files import load
from crm.lib.staging import fill
from crm.staff.actions import require
from crm.usage import queries
from crm.usage.actions.days import mark_dirty, store
from crm.usage.models import EventName, MonthlyTotal
from crm.usage.rules import Counted, Total, Totals, last_day_of, spread, tally

Change = tuple[Total | None, Total | None]  # before and after; None: no total


def prepare_months(months: Iterable[date]) -> None:
    """Make the partitions that totals of these months need, outside of the transaction that fills them."""
    ensure_months("crm_usage_day", set(months))


@transaction.atomic
def set_totals(totals: Sequence[Total], *, at: datetime, by: Actor) -> dict[tuple[int, int, date], tuple[int, bool]]:
    """Make monthly totals stand as given; returns what changed: (account, event, month) → (row id, whether it is new).

    Saying the same again changes nothing, and another figure replaces the one before. The run leaves the audit row.
    """
    require("import", by=by)
    held = _held(totals)
    changes: list[Change] = []
    rows = []
    for total in totals:
        row = held.get(total.key)
        before = _total(row) if row else None
        if before and before.figures == total.figures:
            continue
        changes.append((before, total))
        row = row or MonthlyTotal(account_id=total.account_id, event_id=total.event_id, month=total.month)
        row.uses, row.amount, row.through, row.recorded_at = total.uses, Decimal(total.amount), total.through, at
        rows.append(row)
    new = [row for row in rows if row.pk is None]
    changed = [row for row in rows if row.pk is not None]
    of = MonthlyTotal.objects.system("an import says what the months came to")
    of.bulk_create(new, batch_size=2_000)
    of.bulk_update(changed, ["uses", "amount", "through", "recorded_at"], batch_size=1_000)
    respread(changes, at=at)
    return {_total(row).key: (row.pk, _total(row).key not in held) for row in rows}


def _held(totals: Sequence[Total]) -> dict[tuple[int, int, date], MonthlyTotal]:
    rows = MonthlyTotal.objects.system("an import compares its totals").select_for_update().filter(
        account__in={total.account_id for total in totals}, month__in={total.month for total in totals}
    )  # fmt: skip
    return {(row.account_id, row.event_id, row.month): row for row in rows.order_by("pk")}


def _total(row: MonthlyTotal) -> Total:
    return Total(row.account_id, row.event_id, row.month, row.uses, int(row.amount), row.through)


def respread(changes: Iterable[Change], *, at: datetime) -> None:
    """Move the days from one total to the other, in the caller's transaction."""
    usage: Counter[tuple[int, date, int]] = Counter()
    amounts: Counter[tuple[int, date, int]] = Counter()
    cells: Counter[date] = Counter()
    for before, after in changes:
        for total, sign in ((before, -1), (after, 1)):
            for day, uses, amount in spread(total) if total else ():
                key = (total.account_id, day, total.event_id)  # type: ignore[union-attr]
                usage[key] += sign * uses
                amounts[key] += sign * amount
                cells[day] += sign
    _add({key: (usage[key], amounts[key]) for key in usage if usage[key] or amounts[key]}, {}, cells, at=at)


def uncount(rows: Sequence[Counted], *, at: datetime) -> None:
    """Take events out of the days and forget their ids, in the caller's transaction, as if they had never come."""
    uses = set(EventName.objects.filter(is_use=True).values_list("pk", flat=True))
    totals = tally(rows, uses)
    usage = {key: (-uses, -amount) for key, (uses, amount) in totals.usage.items()}
    people = {key: -uses for key, uses in totals.people.items()}
    _add(usage, people, Counter({day: -count for day, count in totals.days.items()}), at=at)
    with connection.cursor() as cursor:
        fill(cursor, "staged_ids", "key_day date, hash64 bigint", (f"{row[5]}\t{row[6]}\n" for row in rows))
        cursor.execute(load(queries.__file__, "forget_seen"))


def _add(
    usage: dict[tuple[int, date, int], tuple[int, int]],
    people: dict[tuple[int, date, int], int],
    days: Counter[date],
    *,
    at: datetime,
) -> None:
    if not usage:
        return
    store(Totals(usage, people, {}))
    changed = sorted(days)
    values: dict[str, Any] = {"days": changed, "first": [None] * len(changed), "last": [None] * len(changed), "at": at}
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "drop_empty_days"))
        cursor.execute(
            load(queries.__file__, "add_counted_days"), values | {"without_raw": [days[day] for day in changed]}
        )
        cursor.execute(load(queries.__file__, "drop_empty_counts"), {"days": changed})
    mark_dirty({account for account, _day, _event in usage})


__all__ = ["last_day_of", "prepare_months", "respread", "set_totals", "uncount"]
