"""A program with a key, as the tests are one."""

from datetime import timedelta
from typing import Any

from django.test import Client
from orjson import dumps

from crm.keys.actions import create_key
from crm.keys.models import ApiKey, scope_choices
from crm.staff.models import User
from tests import factories

NOW = factories.NOW
EVERY = [scope for scope, _words in scope_choices()]


def key_for(owner: User, *scopes: str, by: User | None = None, at: Any = NOW, days: int = 90) -> tuple[ApiKey, str]:
    """A key for one of us, with all scopes unless some are named."""
    maker = by or factories.user("system_admin")
    return create_key(
        owner=owner, name="Sync", scopes=scopes or EVERY, expires_at=at + timedelta(days=days), at=at, by=maker
    )


class Program(Client):
    """Calls the API with a key: `program.get("accounts")`, `program.send("POST", "accounts", name="Acme")`."""

    def __init__(self, secret: str) -> None:
        super().__init__(headers={"Authorization": f"Bearer {secret}"})

    def read(self, address: str, status: int = 200, **query: Any) -> Any:
        response = self.get(f"/api/v1/{address}", query)
        assert response.status_code == status, response.content
        return response.json()

    def send(self, method: str, address: str, status: int = 200, *, once: str = "", **body: Any) -> Any:
        headers = {"Idempotency-Key": once} if once else {}
        response = self.generic(method, f"/api/v1/{address}", dumps(body), "application/json", headers=headers)
        assert response.status_code == status, response.content
        self.last = response
        return response.json() if response.content else None
