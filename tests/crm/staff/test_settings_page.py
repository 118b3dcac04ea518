"""The index of settings shows each role what it may open, and nothing that answers 403."""

import pytest

from tests.factories import user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["rep", "manager", "read_only", "ops_admin", "system_admin"])
def test_every_page_on_the_index_opens_for_the_role_that_sees_it(as_user, role):
    client = as_user(user(role))
    response = client.get("/settings/")
    pages = [url for _group, rows in response.context["groups"] for url, _words, _sentence in rows]
    assert ("/plans/" in pages) is (role in ("ops_admin", "system_admin"))  # nobody uses them yet
    assert [(page, client.get(page).status_code) for page in pages] == [(page, 200) for page in pages]
    assert ("/admin/" in response.content.decode()) is (role in ("ops_admin", "system_admin"))
