"""What usage tells: sums over windows, for all accounts at once."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from django.db import connection

from crm.fills.models import Fill
from crm.lib.sql_files import load

# --- windows -----------------------------------------------------------------------------------------------

WINDOWS = (7, 28, 84)
STAGE = "windows"


class Stand(NamedTuple):
    """The day that the window tables are as of, and which windows they hold. None: never built."""

    day: date | None
    windows: frozenset[int]


def windows_stand() -> Stand:
    """Read from the rows themselves which windows were summed; empty tables hold them all."""
    row = Fill.objects.filter(stage=STAGE).values_list("through_at", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT uses_7 IS NOT NULL, uses_28 IS NOT NULL, uses_84 IS NOT NULL FROM crm_window_event LIMIT 1"
        )
        held = cursor.fetchone() or (True, True, True)
    return Stand(row.date() if row else None, frozenset(w for w, is_held in zip(WINDOWS, held, strict=True) if is_held))


def _sum(column: str, name: str, when: str, *, kind: str) -> str:
    # Most events sum nothing, so their zeros are left out before the costly numeric addition.
    some = f"{column} <> 0 AND " if kind != "bigint" else ""
    return f"coalesce(sum({column}) FILTER (WHERE {some}{when}), 0)::{kind} AS {name},"


def _event_sums(windows: Iterable[int]) -> str:
    lines = []
    for w in WINDOWS:
        now, before = f"day >= %(day)s::date - {w}", f"day >= %(day)s::date - {2 * w} AND day < %(day)s::date - {w}"
        for column, kind in (("uses", "bigint"), ("amount", "numeric(30, 0)")):
            names = (f"uses_{w}", f"before_{w}") if column == "uses" else (f"amount_{w}", f"amount_before_{w}")
            for name, when in zip(names, (now, before), strict=True):
                lines.append(_sum(column, name, when, kind=kind) if w in windows else f"NULL::{kind} AS {name},")
    return "\n    ".join(lines)


def _people_sums(windows: Iterable[int]) -> str:
    lines = []
    for w in WINDOWS:
        now, before = f"day >= %(day)s::date - {w}", f"day >= %(day)s::date - {2 * w} AND day < %(day)s::date - {w}"
        for name, when in ((f"uses_{w}", now), (f"before_{w}", before)):
            lines.append(_sum("uses", name, when, kind="bigint") if w in windows else f"NULL::bigint AS {name},")
    return "\n    ".join(lines)


def _aliased_sums(windows: Iterable[int]) -> str:
    columns = [f"{name}_{w}" for w in WINDOWS for name in ("uses", "before")]
    kept = {f"{name}_{w}" for w in windows for name in ("uses", "before")}
    return "\n    ".join(f"sum({c})::bigint AS {c}," if c in kept else f"NULL::bigint AS {c}," for c in columns)


def _filled(name: str, table: str, sums: str, windows: Iterable[int], redone: bool) -> str:
    days = (
        f"window_redo AS redo JOIN {table} AS used ON used.account_id = redo.member_id"
        if redone
        else f"{table} AS used"
    )
    marks = {
        "/*account*/": "redo.account_id" if redone else "used.account_id",
        "/*sums*/": sums,
        "/*days*/": days,
        "/*reach*/": str(2 * max(windows)),
    }
    text = load(__file__, name)
    for mark, words in marks.items():
        text = text.replace(mark, words)
    return text


def window_events(windows: frozenset[int], *, redone: bool = False) -> str:
    """SELECT of the event windows as of %(day)s; `redone`: only of the accounts in the table window_redo."""
    return _filled("window_events", "crm_usage_day", _event_sums(windows), windows, redone)


def window_people(windows: frozenset[int], *, redone: bool = False, aliases: bool = True) -> str:
    """SELECT of the people's windows as of %(day)s. `aliases` False skips same_as where nobody has one."""
    counted = _filled("window_people", "crm_person_day", _people_sums(windows), windows, redone)
    if not aliases:
        return counted
    marked = load(__file__, "window_aliases").replace("/*people*/", counted)
    return marked.replace("/*sums*/", _aliased_sums(windows))


def has_aliases() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM crm_person WHERE same_as_id IS NOT NULL)")
        return bool(cursor.fetchall()[0][0])
