"""What every test stands on: a real PostgreSQL, no network but loopback, and signed-in clients."""

from collections.abc import Callable

import hypothesis
import pytest
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


@pytest.fixture
def first_rows(db: None) -> None:
    factories.first_rows()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """Let transactional tests empty the audit table afterwards; UPDATE and DELETE stay refused."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        for table in ("auditrow", "auditseal"):
            cursor.execute(f"DROP TRIGGER IF EXISTS audit_never_emptied ON crm_{table}")


# One long test each: begun last, they would leave the other processes idle.
LONGEST = (
    "browser/test_pages.py",
    "fuzz/",
    "browser/test_scripts.py",
    "architecture/test_matrix.py",
    "test_second_server.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; whatever order the others have stays."""
    items.sort(key=lambda item: next((n for n, part in enumerate(LONGEST) if part in item.nodeid), len(LONGEST)))


def pytest_configure() -> None:
    """A fresh folder has no collected files yet; whitenoise warns of that, and warnings are errors here."""
    from django.conf import settings

    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    # A busy machine is no reason to fail: what hypothesis finds counts, not how fast it looks.
    hypothesis.settings.register_profile(
        "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("house")
