"""What every test stands on: a real PostgreSQL, no network but loopback, and signed-in clients."""

import fcntl
import gc
from collections.abc import Callable, Iterator
from typing import IO, Any

import hypothesis
import pytest
from django.apps import apps
from django.db import connection
from django.db.models.signals import post_migrate
from django.test import Client

from crm.staff.models import User
from tests import factories


@pytest.fixture
def as_user(client: Client) -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def rep(db: None) -> User:
    return factories.user("rep")


@pytest.fixture
def ops(db: None) -> User:
    return factories.user("ops_admin")


@pytest.fixture(scope="session")
def turn(
    django_db_modify_db_settings: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[IO[str]]:
    """Of processes side by side the first migrates, and the others begin with a copy: half a minute less for each.

    A file beside them all, empty and locked as long as somebody migrates; then it names the database to copy.
    """
    alone = not hasattr(request.config, "workerinput")
    folder = tmp_path_factory.getbasetemp()
    with (folder if alone else folder.parent).joinpath("migrated").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if name := file.read():
            connection.settings_dict["TEST"]["TEMPLATE"] = name
        if alone or name:
            fcntl.flock(file, fcntl.LOCK_UN)
        yield file


@pytest.fixture(scope="session")
def django_db_setup(
    turn: IO[str], django_db_setup: None, django_db_blocker: Any, request: pytest.FixtureRequest
) -> None:
    """Let transactional tests empty the audit table afterwards; UPDATE and DELETE stay refused."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            for table in ("auditrow", "auditseal"):
                cursor.execute(f"DROP TRIGGER IF EXISTS audit_never_emptied ON crm_{table}")
        turn.seek(0)
        if hasattr(request.config, "workerinput") and not turn.read():
            connection.creation.clone_test_db(suffix="migrated", verbosity=0)
            turn.write(connection.creation.get_test_db_clone_settings("migrated")["NAME"])
            turn.flush()
            fcntl.flock(turn, fcntl.LOCK_UN)


# Long ones, begun last, would leave the other processes idle; and the first needs no copy of the database for which
# the others wait.
LONGEST = (
    "test_second_server.py",
    "browser/test_scripts.py",
    "browser/test_pages.py",
    "architecture/test_matrix.py",
    "fuzz/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; whatever order the others have stays."""
    items.sort(key=lambda item: next((n for n, part in enumerate(LONGEST) if part in item.nodeid), len(LONGEST)))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, so the cycle collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_configure() -> None:
    """A fresh folder has no collected files yet; whitenoise warns of that, and warnings are errors here."""
    from django.conf import settings

    gc.disable()  # until all is collected
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    # Tests with commits empty every table afterwards; then Django tells as after migrating, and what migrations bring
    # is brought again.
    post_migrate.connect(factories.first_rows, sender=apps.get_app_config("crm"), weak=False)
    # A busy machine is no reason to fail: what hypothesis finds counts, not how fast it looks.
    hypothesis.settings.register_profile(
        "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("house")
