"""What must not depend on the server's locale: case, order, search, and what is unique."""

import pytest
from django.db import IntegrityError, connection, transaction

from crm.accounts.models import Account
from tests import factories

pytestmark = pytest.mark.django_db
NAMES = ["한빛소프트", "Zeta", "alpha", "Ärger", "Éclair", "beta"]


def test_addresses_are_unique_without_regard_to_case():
    factories.user(email="Mina@Fleetline.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.user(email="mina@fleetline.EXAMPLE")


def test_every_list_has_an_order_of_its_own_whatever_the_locale():
    for name in NAMES:
        factories.account(name)
    in_order = Account.objects.system("test").order_by("pk")
    assert [account.name for account in in_order] == NAMES


@pytest.mark.parametrize(("words", "found"), [("한빛", "한빛소프트"), ("éclair", "Éclair"), ("zet", "Zeta")])
def test_search_finds_beginnings_in_every_script(words, found):
    for name in NAMES:
        factories.account(name)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM crm_account WHERE to_tsvector('simple', name) @@ to_tsquery('simple', %s)", [f"{words}:*"]
        )
        assert cursor.fetchall() == [(found,)]


def test_the_database_speaks_utf_8():
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        assert cursor.fetchone() == ("UTF8",)
