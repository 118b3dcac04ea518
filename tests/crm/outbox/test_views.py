"""The pages of mail, by role, by state and with one and three rows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.contacts.models import Contact
from crm.outbox.models import OutboundMail, Pause
from crm.staff.models import User
from tests import factories
from tests.crm.outbox.letters import again, approve, contact
from tests.factories import NOW

SignIn = Callable[[User], Client]


@pytest.fixture
def lena(db: None) -> Contact:
    return contact("lena@customer.example")


@pytest.fixture
def owner(lena: Contact) -> User:
    assert lena.account.owner is not None
    return lena.account.owner


def in_state(mail: OutboundMail, state: str, **more: Any) -> OutboundMail:
    OutboundMail.objects.system("test").filter(pk=mail.pk).update(state=state, **more)
    return again(mail)


def test_the_list_takes_as_many_queries_for_three_rows_as_for_one(
    lena: Contact, owner: User, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    client, page = as_user(owner), reverse("mail-files")
    approve(lena)
    client.get(page)
    with CaptureQueriesContext(connection) as one:
        client.get(page)
    approve(lena)
    approve(lena)
    with django_assert_num_queries(len(one)):
        html = client.get(page).content.decode()
    assert html.count('data-label="Subject"') == 3


def test_the_list_shows_what_the_role_sees(lena: Contact, owner: User, as_user: SignIn) -> None:
    approve(lena)
    approve(contact("omar@other.example", owner=factories.user("rep", team=factories.team())))
    html = as_user(owner).get(reverse("mail-files")).content.decode()
    assert html.count('data-label="Subject"') == 1


def test_the_list_is_narrowed_by_state_and_kind_and_nonsense_narrows_nothing(
    lena: Contact, owner: User, as_user: SignIn
) -> None:
    approve(lena, kind="survey", manual=False)
    in_state(approve(lena), "failed", reason="refused")
    client = as_user(owner)
    counts = [
        client.get(reverse("mail-files"), query).content.decode().count('data-label="Subject"')
        for query in ({}, {"state": "failed"}, {"kind": "survey"}, {"state": "odd", "after": "x"}, {"state": "sent"})
    ]
    assert counts == [2, 1, 1, 2, 0]


def test_paging_by_keyset_goes_forth_and_back(
    lena: Contact, owner: User, as_user: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.outbox.queries.PAGE", 2)
    keys = [approve(lena).pk for _ in range(5)]
    client = as_user(owner)

    def shown(**query: int) -> tuple[list[int], int | None, int | None]:
        context = client.get(reverse("mail-files"), query).context
        return [row["mail"].pk for row in context["rows"]], context["newer"], context["older"]

    assert shown() == ([keys[4], keys[3]], None, keys[3])
    assert shown(after=keys[3]) == ([keys[2], keys[1]], keys[2], keys[1])
    assert shown(after=keys[1]) == ([keys[0]], keys[0], None)
    assert shown(before=keys[0]) == ([keys[2], keys[1]], keys[2], keys[1])
    assert shown(before=keys[2]) == ([keys[4], keys[3]], None, keys[3])


def test_a_mail_is_its_own_sandboxed_document(lena: Contact, owner: User, as_user: SignIn) -> None:
    mail = approve(lena, body_text="Hello <script>alert(1)</script>")
    client = as_user(owner)
    page = client.get(reverse("mail", args=[mail.pk]))
    assert f'src="/mail/{mail.pk}/body/" sandbox title' in page.content.decode()
    body = client.get(reverse("mail-body", args=[mail.pk]))
    assert body.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
    )
    assert body.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script" not in body.content.decode() and "Hello &lt;script&gt;" in body.content.decode()
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("approved", ["Cancel this mail"]),
        ("claimed", ["Cancel this mail"]),
        ("handoff", []),
        ("sent", []),
        ("failed", ["Send again"]),
        ("unconfirmed", ["Mark sent", "Send again"]),
        ("returned", []),
    ],
)
def test_a_mail_offers_what_its_state_allows(
    lena: Contact, owner: User, as_user: SignIn, state: str, buttons: list[str]
) -> None:
    mail = in_state(approve(lena), state)
    html = as_user(owner).get(reverse("mail", args=[mail.pk])).content.decode()
    offered = [word for word in ("Mark sent", "Send again", "Cancel this mail") if f">{word}</button>" in html]
    assert offered == buttons


def test_the_page_tells_what_happened(lena: Contact, owner: User, as_user: SignIn) -> None:
    mail = in_state(approve(lena), "unconfirmed")
    client = as_user(owner)
    client.post(reverse("mail-mark-sent", args=[mail.pk]))
    html = client.get(reverse("mail", args=[mail.pk])).content.decode()
    assert ("Approved." in html, "Marked as sent." in html, again(mail).state) == (True, True, "sent")


@pytest.mark.parametrize("name", ["mail-mark-sent", "mail-send-again", "mail-cancel", "mail-suppress"])
def test_decisions_are_posts_of_those_who_may(lena: Contact, owner: User, as_user: SignIn, name: str) -> None:
    mail = in_state(approve(lena), "unconfirmed" if name != "mail-cancel" else "approved")
    address = reverse(name, args=[mail.pk])
    answers = {"get": as_user(owner).get(address).status_code}
    team = owner.team
    people = {
        "read_only": factories.user("read_only", team=team),
        "colleague": factories.user("rep", team=team),
        "foreign": factories.user("rep", team=factories.team()),
        "ops": factories.user("ops_admin"),
        "manager": factories.user("manager", team=team),
    }
    for who, person in people.items():
        answers[who] = as_user(person).post(address).status_code
    assert answers == {"get": 405, "read_only": 403, "colleague": 403, "foreign": 404, "ops": 403, "manager": 302}


def test_a_read_only_person_sees_that_but_not_what_we_wrote(lena: Contact, owner: User, as_user: SignIn) -> None:
    mail = approve(lena)
    client = as_user(factories.user("read_only", team=owner.team))
    for address in (reverse("mail-files"), reverse("mail", args=[mail.pk])):
        html = client.get(address).content.decode()
        found = [word for word in ("Lena", "lena@customer.example", "Nine of", "nine of 25") if word in html]
        assert (found, "•••@customer.example" in html or "L•••" in html) == ([], True)
    assert client.get(reverse("mail-body", args=[mail.pk])).status_code == 403


def test_a_paused_installation_says_why_and_an_admin_resumes(lena: Contact, owner: User, as_user: SignIn) -> None:
    factories.installation(sending=False)
    Pause.objects.create(at=NOW, bounced=11, of_last=200)
    html = as_user(owner).get(reverse("mail-files")).content.decode()
    assert "11 of the last 200 mails came back" in html and "Switch sending on" not in html
    assert as_user(owner).post(reverse("mail-resume")).status_code == 403
    admin = as_user(factories.user("system_admin"))
    assert "Switch sending on" in admin.get(reverse("mail-files")).content.decode()
    assert admin.post(reverse("mail-resume")).status_code == 302
    assert "came back" not in admin.get(reverse("mail-files")).content.decode()


def test_a_mail_that_moved_on_is_left_alone_with_a_word(lena: Contact, owner: User, as_user: SignIn) -> None:
    mail = in_state(approve(lena), "sent")
    answer = as_user(owner).post(reverse("mail-cancel", args=[mail.pk]), follow=True)
    assert "This mail has moved on in the meantime; nothing was changed." in answer.content.decode()
