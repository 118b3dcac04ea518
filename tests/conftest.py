"""What every test stands on: a real PostgreSQL, no network but loopback, and signed-in clients."""

from collections.abc import Callable

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
