"""Run by hand (`make mutants`): without any one `.visible_to(…)` of the code, the matrix or a test must fail.

Each call is made unscoped in turn, by what stands on its line rather than by another text, and the matrix is asked
until its first objection. What the matrix lets pass is tried on the tests that come by: views often look before an
action looks again, and only a test of the action sees the second look. Who comes by is noted once beforehand.
"""

import ast
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.urls import resolve

from tests.architecture import asking
from tests.architecture.matrix import URLS, WHO
from tests.architecture.unscoping import Site, scope_again, tell, unscope
from tests.architecture.visiting import Visitor
from tests.company import NOW, Company, company

Reached = dict[Site, set[str]]
HERE = tuple(f"tests/architecture/test_{name}.py" for name in ("api_matrix", "every_door", "second_looks"))
TESTS = ("tests/crm", "tests/feedback", "tests/retention", *HERE)
ONLY = tuple(os.environ.get("ONLY", "").split(","))  # how paths begin, to ask these alone
MOST_TESTS = 150  # of those that come by
ROOT = Path(__file__).parents[2]
# Where admins alone come, who see everything: without the call nothing changes.
SEEN_BY_ADMINS_ALONE = (
    "crm/admin/",
    "crm/erasures/views.py",
    "retention/backtests/views.py",
    "retention/pages/editor.py",
)


def sites() -> Iterator[Site]:
    for path in sorted(path for app in ("crm", "feedback", "retention") for path in (ROOT / app).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "visible_to":
                yield Site(str(path.relative_to(ROOT)), node.lineno, node.end_lineno or node.lineno)


def objections(made: Company) -> Iterator[str]:
    """What the matrix says, the likeliest first."""
    for mode, roles in (("team", "RMVC"), ("own", "RM"), ("all", "R")):
        for role in roles:
            yield from asking.round_of(made, role, mode)
    for role in WHO[2:]:
        yield from asking.told_of_elsewhere(made, role)


def pages_that_reach(made: Company, every: list[Site], patch: pytest.MonkeyPatch) -> Reached:
    """The names of the addresses that come by each call when the matrix asks them."""
    found, ask, here = defaultdict[Site, set[str]](set), Visitor.ask, [""]

    def heard(visitor: Visitor, method: Any, url: str, *more: Any) -> int:
        match = resolve(url.partition("?")[0])
        here[0] = f"{match.namespace}:{match.url_name}" if match.namespace else match.url_name or ""
        return ask(visitor, method, url, *more)

    def note(path: str, line: int) -> None:
        for site in every:
            if site.holds(path, line):
                found[site].add(here[0])

    with patch.context() as during, transaction.atomic():
        during.setattr(Visitor, "ask", heard)
        tell(note)
        said = list(objections(made))
        scope_again()
        transaction.set_rollback(True)
    assert not said, said[0]
    return found


def reaching_tests(every: list[Site], kept: Path) -> Reached:
    """The tests that come by each call."""
    run_tests([*TESTS, "-n2"], REACHED=str(kept))
    found = defaultdict[Site, set[str]](set)
    for row in kept.read_text().splitlines():
        test, path, line = row.split("\t")
        for site in every:
            if test and site.holds(path, int(line)):
                found[site].add(test)
    return found


def run_tests(which: list[str], **environment: str) -> str:
    """Run tests in databases beside the one that the matrix stands in; the first that failed, empty: none."""
    command = [sys.executable, "-m", "pytest", "-q", "--reuse-db", "-p", "tests.architecture.unscoping", *which]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode == pytest.ExitCode.OK:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed, f"the tests did not run\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return failed[0].split(" - ")[0]


def objection(made: Company, site: Site, pages: set[str], patch: pytest.MonkeyPatch) -> str:
    """What the matrix says first without this call."""
    with patch.context() as during, transaction.atomic():
        during.setattr(asking, "URLS", [line for line in URLS if line.name in pages])
        unscope(site)
        try:
            return next(objections(made), "")
        finally:
            scope_again()
            transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.timeout(7200)
def test_every_mutant_is_found(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived = []
    every = [site for site in sites() if site.path.startswith(ONLY) and not site.path.startswith(SEEN_BY_ADMINS_ALONE)]
    tests = reaching_tests(every, tmp_path / "reached")
    with time_machine.travel(NOW):
        world = company()
        pages = pages_that_reach(world, every, monkeypatch)
        for site in every:
            said = objection(world, site, pages.get(site, set()), monkeypatch)
            if not said and (near := sorted(tests.get(site, ()))[:MOST_TESTS]):
                said = run_tests(["-x", "-n1", *near], MUTANT=":".join(map(str, site)))
            if not said:
                survived.append(str(site))
            with capsys.disabled():
                print(f"{site}: {said or 'SURVIVED'}", flush=True)
    assert survived == []
