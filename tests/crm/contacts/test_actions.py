"""Contacts, and the personal values that the record must not hold."""

import json
from datetime import date

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.audit.models import AuditRow
from crm.audit.rules import hidden
from crm.contacts import actions
from crm.contacts.models import Contact
from crm.contacts.rules import masked_email, masked_name, masked_phone
from tests.factories import NOW, account, contact

pytestmark = pytest.mark.django_db


def test_names_addresses_and_numbers_stand_in_the_record_as_hmacs_of_the_contacts_key(rep):
    row = actions.create_contact(
        account(owner=rep),
        name="Mina Canary",
        email="mina@canary.example",
        phone="+82 2 canary",
        external_id="canary-7",
        role="champion",
        at=NOW,
        by=rep,
    )
    actions.change_contact(row, name="Mina Canary-Kwon", job_title="Head of Ops", at=NOW, by=rep)
    made, changed = AuditRow.objects.filter(object_kind="contact").order_by("id")
    key = bytes(Contact.objects.system("test").get().audit_key)
    assert made.after["email"] == hidden("mina@canary.example", key)
    assert made.after["role"] == "champion"
    assert changed.before == {"name": hidden("Mina Canary", key), "job_title": ""}
    assert changed.after == {"name": hidden("Mina Canary-Kwon", key), "job_title": "Head of Ops"}
    for line in (made, changed):
        assert "anary" not in json.dumps([line.before, line.after, line.object_label])


def test_an_address_is_taken_once_per_account_whatever_its_case(rep):
    first = account(owner=rep)
    contact(first, email="mina@acme.example")
    with pytest.raises(ValidationError) as refused:
        actions.create_contact(first, name="M", email="MINA@acme.example", at=NOW, by=rep)
    assert refused.value.message_dict == {"email": ["Another contact of this account has this address already."]}
    actions.create_contact(account(owner=rep), name="M", email="mina@acme.example", at=NOW, by=rep)
    actions.create_contact(first, name="without", at=NOW, by=rep)
    actions.create_contact(first, name="without too", at=NOW, by=rep)


def test_what_is_wrong_is_said_at_its_field(rep):
    for field, value in (("email", "no address"), ("role", "boss"), ("time_zone", "Nowhere"), ("language", "xx")):
        with pytest.raises(ValidationError) as refused:
            actions.create_contact(account(owner=rep), name="M", at=NOW, by=rep, **{field: value})
        assert list(refused.value.message_dict) == [field]


def test_leaving_has_a_day_and_can_be_taken_back(rep):
    row = contact(account(owner=rep))
    actions.mark_left(row, on=date(2026, 11, 1), at=NOW, by=rep)
    assert list(Contact.objects.system("test").reachable()) == []
    actions.mark_left(row, on=None, at=NOW, by=rep)
    assert list(Contact.objects.system("test").reachable()) == [row]
    assert [line.action for line in AuditRow.objects.order_by("id")] == ["contact.left", "contact.back"]


def test_contacts_of_foreign_accounts_and_erased_ones_are_left_alone(rep):
    with pytest.raises(PermissionDenied):
        actions.change_contact(contact(account()), name="New", at=NOW, by=rep)
    with pytest.raises(PermissionDenied):
        actions.change_contact(contact(account(owner=rep), erased_at=NOW), name="New", at=NOW, by=rep)


def test_masks_keep_the_shape_and_hide_the_person():
    assert masked_name("Mina Kwon") == "M••• K•••"
    assert masked_name("권민아") == "권•••"
    assert masked_email("mina@acme.example") == "•••@acme.example"
    assert (masked_email(""), masked_phone(""), masked_phone("+82 2")) == ("", "", "•••")
