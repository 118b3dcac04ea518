"""People with an embedded server of their own; see embedded_people.py."""

import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crm.lib.embedded_people import (
    Person,
    here,
    only_root,
    open_python,
    root,
)


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """pytest's own folders are closed to other users, and the server of root is one."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-tests-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ordinary(open_folder: Path) -> tuple[int | None, str, dict[str, str]]:
    """Who an ordinary user is, and the Python that user can run."""
    if not root():
        return None, sys.executable, here()
    uid = pwd.getpwnam("nobody").pw_uid
    python, environment = open_python(open_folder / "python", uid)
    return uid, python, environment


def somebody(kind: str, ordinary: tuple[int | None, str, dict[str, str]], folder: Path) -> Person:
    ground = Path(tempfile.mkdtemp(prefix="ground-", dir=folder))
    ground.chmod(0o755)
    if kind == "root":
        return Person(None, sys.executable, here(), ground)
    uid, python, environment = ordinary
    if uid is not None:
        os.chown(ground, uid, -1)
    return Person(uid, python, environment, ground)


@pytest.fixture
def someone(ordinary: tuple[int | None, str, dict[str, str]], open_folder: Path) -> Iterator[Callable[[str], Person]]:
    """Makes somebody with an empty folder, "root" or "ordinary"."""
    people: list[Person] = []

    def make(kind: str) -> Person:
        people.append(somebody(kind, ordinary, open_folder))
        return people[-1]

    yield make
    for person in people:
        person.depart()


@pytest.fixture(params=[pytest.param("root", marks=only_root), "ordinary"])
def newcomer(request: pytest.FixtureRequest, someone: Callable[[str], Person]) -> Person:
    """Each kind of person, with an empty folder."""
    return someone(request.param)


@pytest.fixture(scope="module")
def clusters(ordinary: tuple[int | None, str, dict[str, str]], open_folder: Path) -> dict[str, Path]:
    """A stopped cluster of each kind of person, to be copied: initdb takes longer."""
    made = {}
    for kind in ["root", "ordinary"] if root() else ["ordinary"]:
        person = somebody(kind, ordinary, open_folder)
        client = person.use()
        client.leave()
        client.end()
        made[kind] = person.home
    return made


@pytest.fixture(params=[pytest.param("root", marks=only_root), "ordinary"])
def person(request: pytest.FixtureRequest, clusters: dict[str, Path], someone: Callable[[str], Person]) -> Person:
    """Each kind of person, whose cluster is made and stopped."""
    person = someone(request.param)
    person.adopt(clusters[request.param])
    return person


@pytest.fixture
def me(clusters: dict[str, Path], someone: Callable[[str], Person]) -> Person:
    """Whoever runs the tests, where the kind of person makes no difference; the cluster is made and stopped."""
    kind = "root" if root() else "ordinary"
    person = someone(kind)
    person.adopt(clusters[kind])
    return person
