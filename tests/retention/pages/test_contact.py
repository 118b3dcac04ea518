"""A contact's page: who it is, what may be sent, what went to and fro; masked for whoever reads no contact data."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse

from crm.audit.rules import System
from crm.consents.actions import grant_consent, withdraw_consent
from crm.outbox import actions as outbox
from retention.follow_ups.actions import approve
from retention.follow_ups.queries import review
from tests import factories
from tests.retention.chain import person
from tests.retention.pages.desk import NOW, answered, fallen, signed_in

pytestmark = pytest.mark.django_db
BY = System("test")
DAY = timedelta(days=1)


@pytest.fixture
def draft() -> Any:
    return fallen()


def shown(user: Any, contact: Any) -> str:
    response = signed_in(user).get(reverse("contact", args=[contact.pk]))
    assert response.status_code == 200
    body = response.content.decode()
    body = body[body.index("<main") : body.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def agreed(contact: Any, purpose: str = "advertising", on: date = date(2026, 5, 3)) -> None:
    grant_consent(contact, purpose=purpose, on=on, source="fair", wording="Yes, news.", at=NOW, by=BY)


def test_it_says_who_it_is_what_was_agreed_and_what_may_still_be_sent(draft):
    lena = draft.contact
    lena.job_title, lena.phone = "Head of dispatch", "+49 40 555"
    lena.save()
    agreed(lena)
    withdraw_consent(lena, purpose="survey", on=date(2026, 6, 1), source="call", at=NOW, by=BY)
    answered(draft.account, 9, "They answer quickly")
    page = shown(draft.owner, lena)
    for words in [
        "Lena Vogt",
        "Nordwind Logistics",
        "Head of dispatch",
        "+49 40 555",
        "Advertising and news agreed 3 May 2026 “Yes, news.” fair",
        "Surveys said no 1 Jun 2026",
        "Information about the product not asked, may be sent",
        "Asks for a referral or review not asked, may not be sent",
        "Lena has had no mail from us this month; 3 are left.",
        "draft, 18 Nov",
        "Answered 9 of 10",
        "They answer quickly",
        "Edit Lena Vogt",
    ]:
        assert words in page, words


def test_a_mail_that_was_approved_and_an_address_that_refuses_are_shown(draft):
    mail = approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    outbox.suppress(mail.to_address, reason="unsubscribed", scope="survey", at=NOW, by=BY)
    page = shown(draft.owner, draft.contact)
    assert "Lena has had 1 mail from us this month; 2 are left." in page
    assert f"{mail.subject} 18 Nov Approved, waiting for its time" in page
    assert "Unsubscribed from surveys." in page


def test_whoever_reads_no_contact_data_sees_masks_and_neither_words_nor_mails(draft):
    agreed(draft.contact)
    answered(draft.account, 9, "They answer quickly")
    page = shown(factories.user("read_only", team=draft.owner.team), draft.contact)
    assert "L••• V•••" in page
    assert "Advertising and news agreed 3 May 2026" in page
    hidden = ("Lena", "Vogt", "fair", "Yes, news", "They answer", "has had", "Edit", "Record consent")
    assert [words for words in hidden if words in page] == []


def test_a_colleague_reads_but_is_offered_no_change_and_a_stranger_finds_nobody(draft):
    page = shown(factories.user("rep", team=draft.owner.team), draft.contact)
    assert "Lena Vogt" in page
    assert "Record consent" not in page
    stranger = signed_in(factories.user("rep", team=factories.team()))
    assert stranger.get(reverse("contact", args=[draft.contact.pk])).status_code == 404
    draft.contact.erased_at = NOW
    draft.contact.save()
    assert signed_in(draft.owner).get(reverse("contact", args=[draft.contact.pk])).status_code == 404


def test_who_left_is_not_written_to_and_one_press_takes_it_back(draft):
    client, url = signed_in(draft.owner), reverse("contact-left", args=[draft.contact.pk])
    page = client.post(url, {"left_on": "2026-11-02"}, follow=True).content.decode()
    assert "Lena Vogt left." in page
    assert "Nobody who left is written to." in page
    assert '<input type="hidden" name="left_on" value="">' in page  # what Undo posts
    client.post(url, {"left_on": ""})
    assert "has had no mail from us" in shown(draft.owner, draft.contact)


@pytest.mark.parametrize("times", [1, 3])
def test_the_page_takes_ten_queries_whatever_there_is(draft, times, django_assert_num_queries):
    for n in range(times):
        agreed(draft.contact, on=date(2026, 5, 3) + n * DAY)
        somebody = person(f"seen-{n}")
        somebody.contact = draft.contact
        somebody.save()
        outbox.enqueue(
            key=f"mail:{n}", account=draft.account, contact=draft.contact, kind="informational", signer=draft.owner,
            approved_by=draft.owner, subject="Hello", body_text="Hello", due_at=NOW, at=NOW, by=draft.owner,
        )  # fmt: skip
    client = signed_in(draft.owner)
    with django_assert_num_queries(10):
        client.get(reverse("contact", args=[draft.contact.pk]))
