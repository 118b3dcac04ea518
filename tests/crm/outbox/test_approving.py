"""Approving a mail: what is frozen, what is taken, and what is refused with which reason."""

import json
from datetime import timedelta
from email import message_from_string, policy
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from crm.accounts.models import Account
from crm.attention import actions as attention
from crm.attention.models import Reservation
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.contacts.models import Contact
from crm.outbox import actions, emails
from crm.outbox.models import MailRefused, OutboundMail, Reason
from crm.staff.models import Salt
from tests import factories
from tests.crm.outbox.letters import approve, contact
from tests.factories import NOW

BY = System("test")


@pytest.fixture
def lena(db: None) -> Contact:
    return contact("lena@customer.example")


def refusal(to: Contact, **more: Any) -> Reason:
    with pytest.raises(MailRefused) as refused:
        approve(to, **more)
    return refused.value.reason


def test_an_approved_mail_waits_with_its_text_frozen_and_its_share_taken(lena: Contact) -> None:
    mail = approve(lena, key="follow-up:1")
    assert (mail.state, mail.to_address, mail.from_name, mail.attempts) == (
        "approved",
        "lena@customer.example",
        "Mina Kwon",
        0,
    )
    assert mail.body_hash == mail.frozen
    assert mail.reservation is not None and mail.reservation.state == "reserved"
    mail.body_text += "P.S."
    assert mail.body_hash != mail.frozen


def test_the_same_key_is_the_same_mail(lena: Contact) -> None:
    one, two = approve(lena, key="wave:1:7"), approve(lena, key="wave:1:7", subject="Another")
    assert (one.pk, one.subject) == (two.pk, two.subject)
    assert Reservation.objects.system("test").count() == 1


def test_the_message_id_stays_when_the_row_is_made_anew_and_differs_elsewhere(lena: Contact) -> None:
    first = approve(lena, key="wave:1:7").message_id
    OutboundMail.objects.system("test").delete()
    assert approve(lena, key="wave:1:7").message_id == first
    OutboundMail.objects.system("test").delete()
    Salt.objects.all().delete()
    assert approve(lena, key="wave:1:7").message_id != first


def test_a_survey_over_budget_is_refused_and_a_persons_mail_is_an_overdraft(lena: Contact) -> None:
    for _ in range(3):
        approve(lena)
    assert refusal(lena, kind="survey", manual=False) is Reason.CONTACT_BUDGET
    mail = approve(lena)
    assert mail.reservation is not None and mail.reservation.overdraft is True


def test_answers_and_transactional_mail_draw_on_nothing_and_no_hold_stops_them(lena: Contact) -> None:
    attention.hold(lena.account, kind="outage", subject="x", at=NOW, by=BY)
    assert approve(lena, reply=True, kind="advertising", exemption="asked by phone").reservation is None
    assert approve(lena, kind="transactional", manual=False).reservation is None
    assert Reservation.objects.system("test").count() == 0


def test_a_hold_refuses_the_survey_but_not_the_reps_own_word(lena: Contact) -> None:
    attention.hold(lena.account, kind="outage", subject="x", at=NOW, by=BY)
    assert refusal(lena, kind="survey", manual=False) is Reason.HELD
    assert approve(lena).state == "approved"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"erased_at": NOW}, Reason.ERASED),
        ({"left_on": NOW.date()}, Reason.LEFT),
        ({"email": ""}, Reason.NO_ADDRESS),
        ({"email": "lena ahrens@customer.example"}, Reason.NO_ADDRESS),
        ({"name": "Lena\r\nBcc: all@customer.example"}, Reason.BAD_HEADER),
    ],
)
def test_who_cannot_be_written_to_is_refused(lena: Contact, change: dict[str, Any], reason: Reason) -> None:
    Contact.objects.system("test").filter(pk=lena.pk).update(**change)
    assert refusal(lena) is reason


def test_a_suppressed_address_is_refused_by_scope(lena: Contact) -> None:
    actions.suppress("Lena@Customer.example", reason="unsubscribed", scope="survey", at=NOW, by=BY)
    assert refusal(lena, kind="survey") is Reason.SUPPRESSED
    assert approve(lena).state == "approved"
    actions.suppress("lena@customer.example", reason="hard_bounce", at=NOW, by=BY)
    assert refusal(lena) is Reason.SUPPRESSED


@pytest.mark.parametrize(
    "more",
    [
        {"subject": "Hello\r\nBcc: all@customer.example"},
        {"headers": {"Bcc": "all@customer.example"}},
        {"headers": {"In-Reply-To": "<1@a>\nBcc: all@customer.example"}},
        {"from_name": "Mina\nKwon"},
    ],
)
def test_a_header_cannot_be_smuggled_in(lena: Contact, more: dict[str, Any]) -> None:
    assert refusal(lena, **more) is Reason.BAD_HEADER
    assert Reservation.objects.system("test").count() == 0


def test_advertising_needs_consent_in_words(lena: Contact) -> None:
    assert refusal(lena, kind="advertising") is Reason.NO_CONSENT
    mail = approve(lena, kind="advertising", exemption="Signed up at the fair, 3 May 2026")
    row = AuditRow.objects.get(action="mail.approved")
    assert (mail.subject, row.after["exemption"]) == (
        "Nine of your colleagues plan now",
        "Signed up at the fair, 3 May 2026",
    )


def test_korean_advertising_is_marked_in_the_subject(lena: Contact) -> None:
    Contact.objects.system("test").filter(pk=lena.pk).update(language="ko")
    mail = approve(lena, kind="advertising", exemption="동의", subject="새 소식")
    assert mail.subject == "(광고) 새 소식"
    assert "List-Unsubscribe" in mail.headers and "/u/" in mail.body_text


def test_a_colleague_may_not_approve_but_a_manager_of_the_team_may_and_that_is_recorded(lena: Contact) -> None:
    owner = lena.account.owner
    assert owner is not None and owner.team is not None
    with pytest.raises(PermissionDenied):
        approve(lena, approved_by=factories.user("rep", team=owner.team))
    lead = factories.user("manager", team=owner.team, name="Jo Lead")
    approve(lena, approved_by=lead)
    row = AuditRow.objects.get(action="mail.approved")
    assert (row.actor_label, row.on_behalf_of) == ("Jo Lead", "Mina Kwon")


def test_nobody_approves_in_somebody_elses_place(lena: Contact) -> None:
    with pytest.raises(PermissionDenied):
        approve(lena, by=factories.user("manager"))


def test_an_ops_admin_approves_a_wave_but_not_a_reps_mail(lena: Contact) -> None:
    ops = factories.user("ops_admin")
    assert approve(lena, kind="survey", manual=False, approved_by=ops).approved_by == ops
    with pytest.raises(PermissionDenied):
        approve(lena, approved_by=ops)


def test_rights_are_read_from_the_database_and_not_from_the_callers_copy(lena: Contact) -> None:
    owner = lena.account.owner
    assert owner is not None
    Account.objects.system("test").filter(pk=lena.account_id).update(owner=factories.user("rep"))
    with pytest.raises(PermissionDenied):
        approve(lena, signer=owner, approved_by=owner)


def test_the_record_holds_no_address_and_no_subject(lena: Contact) -> None:
    approve(lena)
    kept = json.dumps(list(AuditRow.objects.values("after", "before", "object_label")))
    assert "lena@customer.example" not in kept and "colleagues" not in kept
    assert AuditRow.objects.get(action="mail.approved").after["to"].startswith("hmac:")


def parsed(mail: OutboundMail) -> Any:
    return message_from_string(emails.wire(mail, at=NOW).decode(), policy=policy.default)


def test_a_survey_carries_both_ways_to_unsubscribe_unfolded(lena: Contact) -> None:
    mail = approve(lena, kind="survey", manual=False)
    lines = emails.wire(mail, at=NOW).decode("ascii")
    owner = lena.account.owner
    assert owner is not None
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in lines
    assert "\r\nList-Unsubscribe: <http://localhost:8000/u/" in lines
    assert f"/>,\r\n <mailto:{owner.email}?subject=unsubscribe>\r\n" in lines
    assert "No more surveys: http://localhost:8000/u/" in mail.body_text


def test_personal_mail_carries_a_sentence_instead(lena: Contact) -> None:
    mail = approve(lena)
    assert "List-Unsubscribe" not in mail.headers
    assert mail.body_text.endswith("If you would rather get no mail like this from me, just say so in a reply.\n")
    assert approve(lena, reply=True).body_text.endswith("\n\nMina Kwon\n")


def test_unattended_mail_says_so_and_by_whom(lena: Contact) -> None:
    mail = approve(lena, unattended=True, from_name="The Tour Team")
    assert "This mail was sent automatically by The Tour Team. Mina Kwon reads your reply." in mail.body_text
    assert mail.headers["Auto-Submitted"] == "auto-generated"
    assert "No more automatic mails: http" in mail.body_text


def test_the_mail_is_plain_text_and_html_with_inlined_styles_and_nothing_to_fetch(lena: Contact) -> None:
    mail = approve(lena)
    message = parsed(mail)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    html = message.get_body(("html",)).get_content()
    assert '<a href="https://ours.example/tour"' in html and "color: #0b5f5c" in html
    assert [word for word in ("<style", "<img", "<script", "<link", "url(") if word in html] == []
    assert message["To"] == "Lena Ahrens <lena@customer.example>"
    assert emails.wire(mail, at=NOW) == emails.wire(mail, at=NOW)


def test_html_of_a_caller_is_cleaned(lena: Contact) -> None:
    html = (
        '<p onclick="x()">Hi <img src="http://t.example/p.gif"><a class="button evil" href="javascript:x()">go</a></p>'
    )
    mail = approve(lena, body_html=html + "<script>x()</script>")
    assert [word for word in ("onclick", "<img", "javascript:", "<script", "evil") if word in mail.body_html] == []


def test_markup_in_a_text_stays_text(lena: Contact) -> None:
    mail = approve(lena, body_text="Hello <b>Lena</b> & co\n\nMina")
    assert "Hello &lt;b&gt;Lena&lt;/b&gt; &amp; co" in mail.body_html
    assert "Hello <b>Lena</b> & co" in mail.body_text


def test_a_long_korean_subject_and_name_survive_the_wire(lena: Contact) -> None:
    Contact.objects.system("test").filter(pk=lena.pk).update(name="김도윤, 팀장", email="도윤@bücher.example")
    subject = "고객사에서 아홉 분이 여행을 계획하고 계십니다 " * 9
    mail = approve(lena, subject=subject, body_text="안녕하세요.\n\n.\n\n권민아")
    message = parsed(mail)
    assert (message["Subject"], message["To"].addresses[0].display_name) == (subject.strip(), "김도윤, 팀장")
    assert message["To"].addresses[0].addr_spec == "도윤@xn--bcher-kva.example"
    text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text == mail.body_text
    assert max(len(line) for line in emails.wire(mail, at=NOW).split(b"\r\n")) <= 998


def test_a_mail_due_later_keeps_its_instants(lena: Contact) -> None:
    due, late = NOW + timedelta(days=2), NOW + timedelta(days=3)
    mail = approve(lena, due_at=due, late_at=late)
    assert (mail.due_at, mail.late_at) == (due, late)


def test_a_signer_with_letters_beyond_ascii_can_send_a_survey(lena: Contact) -> None:
    owner = lena.account.owner
    assert owner is not None
    owner.email = "민아@ours.example"
    owner.save()
    raw = emails.wire(approve(lena, kind="survey", manual=False), at=NOW).decode()
    assert "<mailto:민아@ours.example?subject=unsubscribe>" in raw
