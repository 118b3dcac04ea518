"""Consent: recorded in the person's words, withdrawn by a row of its own, read by every mail at its handoff."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from crm.audit.models import AuditRow
from crm.audit.rules import System, hidden
from crm.consents import rules
from crm.consents.actions import grant_consent, withdraw_consent
from crm.consents.models import Consent, Purpose
from crm.consents.queries import last_word, standings
from crm.contacts.models import Contact
from crm.lib.mailer import FileTransport
from crm.outbox import actions
from crm.outbox.models import MailRefused, MailState, Reason
from tests import factories
from tests.crm.outbox.letters import Clock, again, approve, contact
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db
BY = System("test")
WORDS = "Yes, send me news about new features."


@pytest.fixture
def lena() -> Contact:
    return contact("lena@customer.example")


def said_yes(to: Contact, purpose: str = "advertising", on: date = TODAY, **more: Any) -> Consent:
    given: dict[str, Any] = {"source": "form on our site", "wording": WORDS, "at": NOW, "by": BY}
    return grant_consent(to, purpose=purpose, on=on, **given | more)


def said_no(to: Contact, purpose: str = "advertising", on: date = TODAY) -> Consent:
    return withdraw_consent(to, purpose=purpose, on=on, source="told Mina Canary", at=NOW, by=BY)


@pytest.mark.parametrize(
    ("purpose", "last", "allowed"),
    [
        ("informational", None, True), ("informational", False, False), ("survey", None, True),
        ("survey", True, True), ("advertising", None, False), ("advertising", True, True),
        ("advertising", False, False), ("referral", None, False),
    ],
)  # fmt: skip
def test_only_advertising_and_referral_asks_need_a_yes_beforehand(purpose, last, allowed):
    assert rules.allows(purpose, last) is allowed


def test_the_purposes_of_the_rules_are_those_of_the_rows():
    assert set(Purpose.values) == set(rules.PURPOSES)


def test_the_last_word_is_the_one_of_the_latest_day_and_then_the_later_record(lena):
    assert last_word(lena, "advertising") is None
    said_no(lena, on=TODAY - timedelta(days=10))
    said_yes(lena, on=TODAY - timedelta(days=30))  # found later, in an old file: it revives nothing
    assert last_word(lena, "advertising") is False
    said_yes(lena, on=TODAY - timedelta(days=10))
    assert last_word(lena, "advertising") is True
    assert last_word(lena, "survey") is None
    found = {standing.purpose: standing for standing in standings(lena)}
    assert [row.given for row in found[Purpose.ADVERTISING].rows] == [True, False, True]
    assert found[Purpose.SURVEY].last is None


def test_the_record_holds_source_and_words_only_under_the_persons_key(lena):
    said_yes(lena, source="Canary fair")
    said_no(lena)
    granted, withdrawn = AuditRow.objects.filter(object_kind="contact").order_by("id")
    key = bytes(lena.audit_key)
    assert granted.action == "consent.granted"
    assert granted.after == {
        "purpose": "advertising", "on": "2026-11-21", "source": hidden("Canary fair", key),
        "wording": hidden(WORDS, key),
    }  # fmt: skip
    assert (withdrawn.action, withdrawn.object_label) == ("consent.withdrawn", "")
    assert "anary" not in json.dumps([withdrawn.after, granted.after])


def test_what_cannot_be_is_said_at_its_field(lena):
    for more, field in (
        ({"on": TODAY + timedelta(days=2)}, "on"),
        ({"on": date(1999, 12, 31)}, "on"),
        ({"wording": " "}, "wording"),
        ({"source": ""}, "source"),
        ({"purpose": "spam"}, "purpose"),
    ):
        with pytest.raises(ValidationError) as refused:
            said_yes(lena, **more)
        assert list(refused.value.message_dict) == [field]
    said_yes(lena, on=TODAY)  # 9:00 UTC; in Kiritimati it is the same day until 10:00
    assert Consent.objects.system("test").count() == 1


def test_a_stranger_records_nothing_and_an_erased_person_agrees_to_nothing(lena):
    with pytest.raises(PermissionDenied):
        said_yes(lena, by=factories.user("rep", team=factories.team()))
    Contact.objects.system("test").filter(pk=lena.pk).update(erased_at=NOW)
    with pytest.raises(PermissionDenied):
        said_yes(lena)


# --- what mail makes of it ---------------------------------------------------------------------------------


def refusal(to: Contact, **more: Any) -> Reason:
    with pytest.raises(MailRefused) as refused:
        approve(to, **more)
    return refused.value.reason


def test_advertising_needs_a_stored_yes_or_a_stated_exemption_and_no_exemption_outweighs_a_no(lena):
    assert refusal(lena, kind="advertising") is Reason.NO_CONSENT
    assert approve(lena, kind="advertising", exemption="existing customer, similar service").exemption
    said_yes(lena)
    assert approve(lena, kind="advertising").state == "approved"
    said_no(lena)
    assert refusal(lena, kind="advertising", exemption="existing customer, similar service") is Reason.WITHDRAWN


def test_a_mail_may_rest_on_another_purpose_than_its_kind(lena):
    said_yes(lena)
    assert refusal(lena, kind="advertising", purpose="referral") is Reason.NO_CONSENT
    said_yes(lena, "referral")
    assert approve(lena, kind="advertising", purpose="referral").purpose == "referral"


def test_a_no_to_surveys_stops_surveys_and_nothing_else(lena):
    said_no(lena, "survey")
    assert refusal(lena, kind="survey", manual=False) is Reason.WITHDRAWN
    assert approve(lena).state == "approved"
    said_no(lena, "informational")
    assert refusal(lena) is Reason.WITHDRAWN
    assert approve(lena, reply=True).state == "approved"  # an answer to what they wrote
    assert approve(lena, kind="transactional").state == "approved"


def sent(folder: Path) -> list[Path]:
    transport = FileTransport(folder)
    actions.send_due(clock=Clock(), transport=transport)
    return list(folder.rglob("*.eml"))


@pytest.mark.parametrize(
    ("happens", "reason", "state"),
    [
        (lambda to: None, "", MailState.SENT),
        (lambda to: said_no(to), Reason.WITHDRAWN, MailState.SUPPRESSED),
        (lambda to: Consent.objects.system("test").delete(), Reason.NO_CONSENT, MailState.RETURNED),
        # Approved for a reader in Berlin, who now reads Korean: the mark is missing.
        (lambda to: Contact.objects.system("test").update(language="ko"), Reason.UNMARKED, MailState.RETURNED),
        (lambda to: Contact.objects.system("test").update(time_zone="Asia/Seoul"), Reason.UNMARKED, MailState.RETURNED),
    ],
)
def test_advertising_is_looked_at_again_at_the_handoff(
    lena: Contact, tmp_path: Path, happens: Callable[[Contact], Any], reason: str, state: str
) -> None:
    said_yes(lena)
    mail = approve(lena, kind="advertising")
    happens(lena)
    assert len(sent(tmp_path)) == (state == MailState.SENT)
    assert (again(mail).state, again(mail).reason) == (state, reason)


def test_advertising_to_seoul_is_marked_whatever_its_language(tmp_path):
    mina = contact("mina@customer.example", time_zone="Asia/Seoul")
    said_yes(mina)
    mail = approve(mina, kind="advertising", subject="What is new")
    assert mail.subject == "(광고) What is new"
    assert "List-Unsubscribe" in mail.headers and "/u/" in mail.body_text
    assert len(sent(tmp_path)) == 1


# --- the forms ---------------------------------------------------------------------------------------------

FORM = {"purpose": "advertising", "on": "2026-11-01", "source": "call", "wording": WORDS}


def client_of(to: Contact) -> Client:
    client = Client()
    assert to.account.owner is not None
    client.force_login(to.account.owner)
    return client


def test_a_rep_records_and_withdraws_and_the_page_goes_back_to_the_person(lena):
    client = client_of(lena)
    answer = client.post(f"/contacts/{lena.pk}/consent/?purpose=advertising", FORM)
    assert (answer.status_code, answer["Location"]) == (302, f"/contacts/{lena.pk}/")
    client.post(f"/contacts/{lena.pk}/no-consent/", {"purpose": "survey", "on": "2026-11-02", "source": "call"})
    rows = Consent.objects.system("test").order_by("pk").values_list("purpose", "given", "on", "wording")
    assert list(rows) == [
        ("advertising", True, date(2026, 11, 1), WORDS),
        ("survey", False, date(2026, 11, 2), ""),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("purpose", "spam"), ("on", "1.11.2026"), ("on", "2999-01-01"), ("on", ""), ("source", "s" * 10_000),
        ("source", "a\0b"), ("wording", "w" * 10_000), ("wording", ""), ("wording", " \t "),
    ],
)  # fmt: skip
def test_odd_input_is_refused_at_its_field_and_nothing_typed_is_lost(lena, field, value):
    page = client_of(lena).post(f"/contacts/{lena.pk}/consent/", FORM | {field: value})
    assert page.status_code == 200
    assert list(page.context["form"].errors) == [field]
    assert ("call" if field != "source" else WORDS) in page.content.decode()
    assert not Consent.objects.system("test").exists()


def test_bidi_and_script_survive_as_text_or_not_at_all(lena):
    given = FORM | {"wording": "\u202eYes\u202c <script>alert(1)</script> café"}
    assert client_of(lena).post(f"/contacts/{lena.pk}/consent/", given).status_code == 302
    assert Consent.objects.system("test").get().wording == "Yes <script>alert(1)</script> café"
    assert "<script>alert" not in client_of(lena).get(f"/contacts/{lena.pk}/").content.decode()


def test_htmx_gets_the_form_as_a_piece_and_its_errors_where_it_stands(lena):
    client, url = client_of(lena), f"/contacts/{lena.pk}/consent/?purpose=referral"
    piece = client.get(url, headers={"HX-Request": "true"})
    body = piece.content.decode()
    assert body.lstrip().startswith("<form")
    assert '<option value="referral" selected>' in body
    refused = client.post(url, FORM | {"on": ""}, headers={"HX-Request": "true"})
    assert (refused["HX-Retarget"], refused["HX-Reswap"], refused["HX-Reselect"]) == (
        "#consent", "outerHTML", "#consent",
    )  # fmt: skip
    assert refused.content.decode().lstrip().startswith("<form")
    assert "<html" in client.get(url).content.decode()
