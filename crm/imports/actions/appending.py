"""Facts of accounts of which none is ever edited: rows of a file stand beside them, unless they say the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from crm.imports.rules import Touched

M = TypeVar("M", bound=Model)
Row = Mapping[str, Any]


def append_new(
    rows: Sequence[Row], build: Callable[[Row], M], *, held: QuerySet[M], alike: Sequence[str]
) -> list[Touched]:
    """Store what `build` makes of each row, unless one of `held`, or of a row before, is alike in all these fields."""
    same_accounts = held.filter(account__in={row["account_id"] for row in rows})
    known = set(same_accounts.values_list(*alike))
    made: list[tuple[int, M]] = []
    for row in rows:
        new = build(row)
        key = tuple(getattr(new, name) for name in alike)
        if key not in known:
            known.add(key)
            made.append((row["line"], new))
    held.bulk_create([new for _line, new in made])
    return [Touched(line, new.pk, True) for line, new in made]
