"""Panels for tests: a row for each account and landmark, written the short way."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from retention.backtests.rules import NEVER, Panel

FIRST = date(2025, 1, 31)


def band(points: int) -> int:
    return 1 + sum(points >= limit for limit in (400, 600, 800))


def panel(
    *rows: tuple[int, date, int, date | None], groups: Sequence[Sequence[float]] = (), **more: Sequence[int]
) -> Panel:
    """(account, landmark, tenths, first unpaid day); last use a day ago and no renewal unless said."""
    n = len(rows)
    columns = {"last_use": [1] * n, "renews_in": [NEVER] * n} | more
    return Panel(
        accounts=np.array([row[0] for row in rows], dtype=np.int64),
        days=np.array([row[1].toordinal() for row in rows], dtype=np.int64),
        points=np.array([row[2] for row in rows], dtype=np.int64),
        bands=np.array([band(row[2]) for row in rows], dtype=np.int64),
        last_use=np.array(columns["last_use"], dtype=np.int64),
        renews_in=np.array(columns["renews_in"], dtype=np.int64),
        left_on=np.array([NEVER if row[3] is None else row[3].toordinal() for row in rows], dtype=np.int64),
        groups=np.array(groups or [[row[2] / 1000] for row in rows], dtype=np.float64),
    )
