"""One `.visible_to(` of the code made unscoped, or each one noted; also a plugin for pytest, told by MUTANT or REACHED,
so it imports Django late."""

import os
import sys
from collections.abc import Callable
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

    def holds(self, path: str, line: int) -> bool:
        return path == self.path and self.first <= line <= self.last


class Forgetful(dict[Any, Any]):
    """Compiled scopes are not kept: a kept one would be made once and hide later calls."""

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def instead(answer: Callable[[Any, Any, Any, str, int], Any]) -> None:
    """From now on each call goes to `answer`: (the real one, rows, user, path and line of the caller)."""
    from crm.staff import queries

    queries._texts = Forgetful()
    for kind in _kinds():
        kind.visible_to = _asking(kind.visible_to, answer)


def _kinds() -> tuple[Any, ...]:
    from crm.accounts.models import OfAccountQuerySet
    from crm.segments.models import KeptQuerySet

    return OfAccountQuerySet, KeptQuerySet


def _asking(scoped: Any, answer: Callable[[Any, Any, Any, str, int], Any]) -> Any:
    def visible_to(rows: Any, user: Any) -> Any:
        frame = sys._getframe(1)
        while frame.f_code.co_filename.endswith("django/db/models/manager.py") and frame.f_back:
            frame = frame.f_back
        return answer(scoped, rows, user, frame.f_code.co_filename.removeprefix(f"{ROOT}/"), frame.f_lineno)

    _kept.append(scoped)
    return visible_to


def unscope(site: Site) -> None:
    """From now on this one call reads everything."""

    def answer(scoped: Any, rows: Any, user: Any, path: str, line: int) -> Any:
        if not site.holds(path, line):
            return scoped(rows, user)
        return rows.system("a mutant") if hasattr(rows, "system") else rows.all()

    instead(answer)


def tell(note: Callable[[str, int], None]) -> None:
    """From now on `note` hears where each call comes from."""

    def answer(scoped: Any, rows: Any, user: Any, path: str, line: int) -> Any:
        note(path, line)
        return scoped(rows, user)

    instead(answer)


def scope_again() -> None:
    for kind in reversed(_kinds()):
        kind.visible_to = _kept.pop()


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    if named := os.environ.get("MUTANT"):
        path, first, last = named.split(":")
        unscope(Site(path, int(first), int(last)))
    if kept := os.environ.get("REACHED"):
        seen = set[tuple[str, str, int]]()

        def note(path: str, line: int) -> None:
            test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
            if (test, path, line) not in seen:
                seen.add((test, path, line))
                with Path(kept).open("a") as file:
                    file.write(f"{test}\t{path}\t{line}\n")

        tell(note)
