"""The contacts of an account, masked for those who may not read them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.contacts.models import Contact
from tests.factories import account, contact, installation, team, user

pytestmark = pytest.mark.django_db
MINA = {"name": "Mina Kwon", "email": "mina@acme.example", "phone": "+82 2 123", "role": "champion", "job_title": "Ops"}


def test_a_read_only_person_sees_that_there_is_somebody_but_not_who(as_user):
    installation(visibility="all")
    row = contact(account(), name="Mina Kwon", email="mina@acme.example", phone="+82 2 123")
    page = as_user(user("read_only")).get(f"/accounts/{row.account_id}/contacts/").content.decode()
    assert "M••• K•••" in page
    assert "•••@acme.example" in page
    for secret in ("Mina", "Kwon", "mina@", "+82"):
        assert secret not in page


def test_a_rep_sees_adds_and_changes_the_people_of_the_own_account(as_user, rep):
    of = account(owner=rep)
    client = as_user(rep)
    client.post(f"/accounts/{of.pk}/contacts/new/", MINA)
    row = Contact.objects.system("test").get()
    assert (row.account_id, row.name, row.email, row.role) == (of.pk, "Mina Kwon", "mina@acme.example", "champion")
    assert "mina@acme.example" in client.get(f"/accounts/{of.pk}/contacts/").content.decode()
    twice = client.post(f"/accounts/{of.pk}/contacts/new/", MINA | {"email": "MINA@ACME.EXAMPLE"})
    assert list(twice.context["form"].errors) == ["email"]
    assert client.get(f"/contacts/{row.pk}/edit/").status_code == 200
    client.post(f"/contacts/{row.pk}/edit/", MINA | {"name": "권민아", "email": ""})
    assert Contact.objects.system("test").get().name == "권민아"
    wrong = client.post(f"/contacts/{row.pk}/edit/", MINA | {"email": "no address"})
    assert wrong.context["form"].errors == {"email": ["Enter a valid email address."]}


def test_who_left_is_listed_only_on_request(as_user, rep):
    row = contact(account(owner=rep), name="Mina Kwon")
    client = as_user(rep)
    client.post(f"/contacts/{row.pk}/left/", {"left_on": "2026-11-01"}, follow=True)
    assert "Mina" not in client.get(f"/accounts/{row.account_id}/contacts/").content.decode()
    page = client.get(f"/accounts/{row.account_id}/contacts/?left=1").content.decode()
    assert "Mina" in page
    assert "left 1 Nov 2026" in page
    wrong = client.post(f"/contacts/{row.pk}/left/", {"left_on": "yesterday"})
    assert list(wrong.context["form"].errors) == ["left_on"]


def test_foreign_contacts_are_not_there_and_colleagues_are_not_to_be_changed(as_user):
    ours = team()
    rep = user("rep", team=ours)
    near, far = contact(account(owner=user("rep", team=ours))), contact(account(owner=user()))
    client = as_user(rep)
    assert client.get(f"/accounts/{near.account_id}/contacts/").status_code == 200
    assert client.get(f"/contacts/{near.pk}/edit/").status_code == 403
    assert client.get(f"/accounts/{near.account_id}/contacts/new/").status_code == 403
    assert client.get(f"/accounts/{far.account_id}/contacts/").status_code == 404
    assert client.get(f"/contacts/{far.pk}/edit/").status_code == 404
    assert client.post(f"/contacts/{far.pk}/left/").status_code == 404


def test_the_list_goes_on_by_name_without_losing_or_repeating_anybody(as_user, rep):
    of = account(owner=rep)
    for n in range(60):
        contact(of, name=f"Same {n // 4:02}")
    client = as_user(rep)
    first = client.get(f"/accounts/{of.pk}/contacts/").context
    rest = client.get(f"/accounts/{of.pk}/contacts/?after={first['next']}").context
    seen = [line.row.pk for line in (*first["lines"], *rest["lines"])]
    assert (len(first["lines"]), len(seen), len(set(seen)), rest["next"]) == (50, 60, 60, None)
    assert client.get(f"/accounts/{of.pk}/contacts/?after=nonsense").status_code == 200


def test_the_list_takes_as_many_queries_for_three_as_for_one(as_user, rep):
    of = account(owner=rep)
    client = as_user(rep)
    counts = []
    for more in (1, 2):
        for _ in range(more):
            contact(of)
        client.get(f"/accounts/{of.pk}/contacts/")
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/accounts/{of.pk}/contacts/")
        counts.append(len(captured))
    assert counts[0] == counts[1]
