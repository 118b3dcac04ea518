"""The audit record: written with its change, hidden where personal, never edited."""

import pytest
from django.db import ProgrammingError, connection, transaction

from crm.audit.actions import record, said
from crm.audit.models import AuditRow
from crm.audit.rules import System
from tests import factories


@pytest.fixture
def row(db):
    with transaction.atomic():
        return record("thing.made", ("thing", "1"), at=factories.NOW, by=System("test"), after={"name": "Nordwind"})


@pytest.mark.parametrize("statement", ["UPDATE crm_auditrow SET action = 'x'", "DELETE FROM crm_auditrow"])
def test_the_database_refuses_to_change_the_record(row, statement):
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditRow.objects.get() == row


@pytest.mark.django_db(transaction=True)
def test_a_reason_stands_as_its_length_and_a_digest_without_the_secret_of_which_it_cannot_be_guessed(settings):
    settings.SECRET_KEY = "one"
    first = said("Mina is ill")
    assert first.startswith("hmac:")
    assert first.endswith(", 11")
    assert (said("Mina is ill") == first, said("Mina was ill") == first, said("")) == (True, False, "")
    settings.SECRET_KEY = "two"
    assert said("Mina is ill") != first


def test_a_record_outside_the_transaction_of_its_change_is_refused():
    with pytest.raises(RuntimeError, match="transaction"):
        record("thing.made", ("thing", "1"), at=factories.NOW, by=System("test"))


def test_personal_values_stand_as_hmacs_that_only_the_same_key_reproduces(db):
    email, at, by = {"email": "lena@x.example"}, factories.NOW, System("t")
    with transaction.atomic():
        first = record(
            "c", ("contact", "1"), at=at, by=by, after={**email, "role": "user"}, personal={"email"}, key=b"one"
        )
        second = record("c", ("contact", "1"), at=at, by=by, after=email, personal={"email"}, key=b"two")
    assert first.after["role"] == "user"
    assert "lena" not in str(first.after)
    assert first.after["email"] != second.after["email"]
