"""Run by hand (`make mutants`): without any one `.visible_to(…)` of the code, the matrix must fail.

Each call is made unscoped in turn, by what stands on its line rather than by another text, and the matrix is asked
until its first objection. What the matrix lets pass is tried on the tests of the noun: views often look before an
action looks again, and only a test of the action sees the second look.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import time_machine
from django.db import transaction

from tests.architecture.asking import round_of, told_of_elsewhere
from tests.architecture.matrix import WHO
from tests.architecture.unscoping import Site, scope_again, unscope
from tests.company import NOW, Company, company

ROOT = Path(__file__).parents[2]
# Where admins alone come, who see everything: without the call nothing changes.
SEEN_BY_ADMINS_ALONE = ("crm/admin/",)


def sites() -> Iterator[Site]:
    for path in sorted(path for app in ("crm", "feedback", "retention") for path in (ROOT / app).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "visible_to":
                yield Site(str(path.relative_to(ROOT)), node.lineno, node.end_lineno or node.lineno)


def objections(made: Company) -> Iterator[str]:
    """What the matrix says, the likeliest first."""
    for mode, roles in (("team", "RMVC"), ("own", "R"), ("all", "R")):
        for role in roles:
            yield from round_of(made, role, mode)
    for role in WHO[2:]:
        yield from told_of_elsewhere(made, role)


def closest_tests(site: Site) -> list[str]:
    """The tests of the noun, or of the door."""
    app, noun = Path(site.path).parts[:2]
    noun = noun.removesuffix(".py")
    folder = ROOT / "tests" / app / noun
    found = [folder] if folder.is_dir() else sorted((ROOT / "tests" / app).rglob(f"test_*{noun.rstrip('s')}*.py"))
    return [str(path.relative_to(ROOT)) for path in found]


def failing_test(site: Site) -> str:
    """The first of the closest tests that fails without this call; empty: none does."""
    # A process of xdist's has a database of its own, beside the one that the matrix stands in.
    command = [sys.executable, "-m", "pytest", "-qx", "-n1", "--reuse-db", "-p", "tests.architecture.unscoping"]
    done = subprocess.run(
        [*command, *closest_tests(site)], cwd=ROOT, env=os.environ | {"MUTANT": ":".join(map(str, site))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == pytest.ExitCode.OK:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed, f"{site}: its tests did not run\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return failed[0].split(" - ")[0]


@cache
def made() -> Company:
    return company()


@pytest.mark.django_db
@pytest.mark.timeout(7200)
def test_every_mutant_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    survived = []
    with time_machine.travel(NOW):
        world = made()
        for site in sites():
            unscope(site)
            try:
                with transaction.atomic():
                    said = next(objections(world), "")
                    transaction.set_rollback(True)
            finally:
                scope_again()
            if not said and not site.path.startswith(SEEN_BY_ADMINS_ALONE):
                said = failing_test(site)
            with capsys.disabled():
                print(f"{site}: {said or 'SURVIVED'}", flush=True)
            if not said and not site.path.startswith(SEEN_BY_ADMINS_ALONE):
                survived.append(str(site))
    assert survived == []
