"""One `.visible_to(` of the code made unscoped; also a plugin for pytest, told by MUTANT, so it imports Django late."""

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
_kept: list[Any] = []


class Site(NamedTuple):
    """Where a `.visible_to(` stands: the file, and the lines of the whole call."""

    path: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.path}:{self.first}"


def unscope(site: Site) -> None:
    """From now on this one call reads everything."""
    from crm.accounts.models import OfAccountQuerySet
    from crm.staff import queries

    queries._texts.clear()  # made while the call was still there
    scoped: Any = OfAccountQuerySet.visible_to
    _kept.append(scoped)

    def visible_to(rows: Any, user: Any) -> Any:
        frame = sys._getframe(1)
        while frame.f_code.co_filename.endswith("django/db/models/manager.py") and frame.f_back:
            frame = frame.f_back
        here = frame.f_code.co_filename == str(ROOT / site.path) and site.first <= frame.f_lineno <= site.last
        return rows.system("a mutant") if here else scoped(rows, user)

    setattr(OfAccountQuerySet, "visible_to", visible_to)  # noqa: B010 - types know it as it is


def scope_again() -> None:
    from crm.accounts.models import OfAccountQuerySet
    from crm.staff import queries

    queries._texts.clear()
    setattr(OfAccountQuerySet, "visible_to", _kept.pop())  # noqa: B010 - types know it as it is


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    if named := os.environ.get("MUTANT"):
        path, first, last = named.split(":")
        unscope(Site(path, int(first), int(last)))
