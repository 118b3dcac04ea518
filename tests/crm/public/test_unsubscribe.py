"""The unsubscribe page: reading writes nothing, the button and one click do, and strangers learn nothing."""

import re
import uuid
from pathlib import Path

import pytest
from django.core.signing import Signer
from django.test import Client

from crm.audit.models import AuditRow
from crm.contacts.models import Contact
from crm.lib.mailer import FileTransport
from crm.outbox import actions, emails
from crm.outbox.models import OutboundMail, Suppression, UnsubscribeLink
from tests.crm.outbox.letters import Clock, again, approve, contact
from tests.factories import NOW

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def lena(db: None) -> Contact:
    return contact("lena@customer.example")


@pytest.fixture
def survey(lena: Contact) -> OutboundMail:
    return approve(lena, kind="survey", manual=False)


@pytest.fixture
def stranger() -> Client:
    """A mail gateway or provider: no cookies, CSRF enforced as in production."""
    return Client(enforce_csrf_checks=True)


def path(mail: OutboundMail) -> str:
    found = re.search(r"<http://localhost:8000(/u/[^>]+)>", mail.headers["List-Unsubscribe"])
    assert found is not None
    return found[1]


def refusals() -> list[tuple[str, str]]:
    return list(Suppression.objects.order_by("pk").values_list("scope", "reason"))


def test_reading_the_page_writes_nothing_and_sets_no_cookie(survey: OutboundMail, stranger: Client) -> None:
    before = AuditRow.objects.count()
    get, head = stranger.get(path(survey)), stranger.head(path(survey))
    assert (get.status_code, head.status_code, refusals(), AuditRow.objects.count()) == (200, 200, [], before)
    assert "<button" in get.content.decode() and "<script" not in get.content.decode()
    assert get.cookies == {}
    assert get.headers["Referrer-Policy"] == "no-referrer"
    assert get.headers["Cache-Control"] == "no-store"
    assert get.headers["X-Robots-Tag"] == "noindex, nofollow"


def test_one_click_needs_neither_cookie_nor_token_and_is_no_redirect(survey: OutboundMail, stranger: Client) -> None:
    answer = stranger.post(path(survey), ONE_CLICK)
    assert (answer.status_code, refusals()) == (200, [("survey", "unsubscribed")])


def test_the_button_refuses_this_kind_and_the_other_one_everything(survey: OutboundMail, stranger: Client) -> None:
    assert "You will get no more of these mails." in stranger.post(path(survey)).content.decode()
    assert refusals() == [("survey", "unsubscribed")]
    assert "You will get no more mail from us." in stranger.post(path(survey), {"all": "1"}).content.decode()
    assert refusals() == [("survey", "unsubscribed"), ("everything", "unsubscribed")]


def test_twice_is_once(survey: OutboundMail, stranger: Client) -> None:
    for _ in range(2):
        assert stranger.post(path(survey), ONE_CLICK).status_code == 200
    assert refusals() == [("survey", "unsubscribed")]
    assert AuditRow.objects.filter(action="address.suppressed").count() == 1


def test_it_holds_for_mail_that_is_approved_already_but_not_for_the_reps_own_word(
    lena: Contact, survey: OutboundMail, stranger: Client, tmp_path: Path
) -> None:
    word = approve(lena)
    stranger.post(path(survey), ONE_CLICK)
    actions.send_due(clock=Clock(), transport=FileTransport(tmp_path))
    assert (again(survey).state, again(word).state) == ("suppressed", "sent")


def test_a_link_goes_on_working_after_the_person_is_erased(survey: OutboundMail, stranger: Client) -> None:
    address = path(survey)
    OutboundMail.objects.system("test").update(to_address="", to_name="", body_text="", body_html="")
    Contact.objects.system("test").update(email="", name="", erased_at=NOW)
    assert stranger.post(address, ONE_CLICK).status_code == 200
    assert refusals() == [("survey", "unsubscribed")]


def test_links_that_we_never_made_look_the_same_and_do_nothing(survey: OutboundMail, stranger: Client) -> None:
    link = UnsubscribeLink.objects.get()
    signed_for_another_purpose = Signer(salt="crm.something.else").sign(link.pk.hex)
    unknown = emails.unsubscribe_token(UnsubscribeLink(pk=uuid.uuid4()))
    bad = ["x", link.pk.hex, f"{link.pk.hex}:forged", signed_for_another_purpose, unknown, "%00", "한글"]
    for token in bad:
        for good, answer in (
            (stranger.get(path(survey)), stranger.get(f"/u/{token}/")),
            (None, stranger.post(f"/u/{token}/", ONE_CLICK)),
        ):
            assert answer.status_code == 200
            assert good is None or answer.content == good.content
    assert refusals() == []


def test_a_forged_and_a_real_one_click_get_the_same_bytes(survey: OutboundMail, stranger: Client) -> None:
    assert stranger.post("/u/x/", ONE_CLICK).content == stranger.post(path(survey), ONE_CLICK).content


def test_other_methods_are_refused(survey: OutboundMail, stranger: Client) -> None:
    assert [stranger.put(path(survey)).status_code, stranger.delete(path(survey)).status_code] == [405, 405]
