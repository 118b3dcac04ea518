"""Opening a wave: whom it asks, why not the others, and that it happens once."""

from datetime import date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.db.models import QuerySet

from crm.accounts.models import Account, AccountQuerySet
from crm.attention import actions as attention
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.consents.actions import grant_consent, withdraw_consent
from crm.contacts.models import Contact
from crm.outbox import actions as outbox
from crm.outbox.models import OutboundMail
from feedback.invitations import queries
from feedback.invitations.actions import open_wave
from feedback.invitations.models import Invitation, NotAsked
from feedback.surveys.models import Survey, Wave
from tests import factories
from tests.factories import NOW, TODAY
from tests.feedback import people

BY = System("test")


@pytest.fixture
def ops(db):
    return factories.user("ops_admin")


def reasons(wave: Wave) -> dict[int, str]:
    rows = NotAsked.objects.system("test").filter(wave=wave)
    return dict(rows.values_list("contact", "reason"))


def asked(wave: Wave) -> set[int]:
    return set(Invitation.objects.system("test").filter(wave=wave).values_list("contact", flat=True))


def mails() -> QuerySet[OutboundMail]:
    return OutboundMail.objects.system("test").filter(kind="survey")


def circle(survey: Survey, *, target: int, at: datetime) -> queries.Circle:
    everybody = Account.objects.system("test")
    return queries.circle(survey, target=target, among=everybody, at=at)


def test_everyone_is_asked_or_has_the_one_reason_that_comes_first(ops):
    [left] = people.loyal()
    left.left_on = TODAY
    left.save()
    [silent] = people.loyal()
    silent.email = ""
    silent.save()
    [billing] = people.loyal()
    billing.role = "billing"
    billing.save()
    [trial] = people.loyal(stage="trial")
    # 2026-08-24 is 89 days before the 21st of November, 2026-08-23 is 90.
    [new] = people.loyal(customer_since=date(2026, 8, 24))
    [just_old_enough] = people.loyal(customer_since=date(2026, 8, 23))
    [unknown] = people.loyal(customer_since=None)
    [paying] = people.loyal(customer_since=None)
    factories.subscription(paying.account, effective_on=date(2026, 1, 1))
    [idle] = people.loyal(used=0)
    [held] = people.loyal()
    attention.hold(held.account, kind="outage", subject="outage 1", at=NOW, by=BY)
    [stopped] = people.loyal()
    outbox.suppress(stopped.email, reason="unsubscribed", scope="survey", at=NOW, by=BY)
    [unwilling], [willing] = people.loyal(), people.loyal()
    word: dict[str, Any] = {"purpose": "survey", "source": "call", "at": NOW, "by": BY}
    withdraw_consent(unwilling, on=TODAY, **word)
    withdraw_consent(willing, on=TODAY - timedelta(days=9), **word)
    grant_consent(willing, on=TODAY, wording="Ask me about your product.", **word)
    [tired] = people.loyal()
    for _n in range(3):
        attention.reserve(account=tired.account, contact=tired, purpose="news", at=NOW, by=BY)
    [broken] = people.loyal()
    broken.email = "two@addresses@customer.example"
    broken.save()
    [erased] = people.loyal()
    erased.erased_at = NOW
    erased.save()
    wave = open_wave(people.survey(ops), target=40, at=NOW, by=ops)
    assert asked(wave) == {just_old_enough.pk, paying.pk, willing.pk}
    assert reasons(wave) == {
        left.pk: "left",
        silent.pk: "no_address",
        billing.pk: "role",
        trial.pk: "not_live",
        new.pk: "new",
        unknown.pk: "since_unknown",
        idle.pk: "little_use",
        held.pk: "held",
        stopped.pk: "suppressed",
        unwilling.pk: "withdrawn",
        tired.pk: "contact_budget",
        broken.pk: "no_address",
    }
    assert (wave.eligible, wave.asked) == (3, 3)


def test_use_counts_for_28_days_before_today_and_only_events_that_are_use(ops):
    [today], [yesterday], [first], [before], [opened] = (people.loyal(used=0) for _n in range(5))
    people.use(today.account, day=TODAY)
    people.use(yesterday.account, day=TODAY - timedelta(days=1))
    people.use(first.account, day=TODAY - timedelta(days=28))
    people.use(before.account, day=TODAY - timedelta(days=29))
    people.use(opened.account, is_use=False)
    wave = open_wave(people.survey(ops), target=40, at=NOW, by=ops)
    assert asked(wave) == {yesterday.pk, first.pk}


def test_one_person_per_customer_comes_first(ops):
    big, small = people.loyal(people=3), people.loyal(people=1)
    wave = open_wave(people.survey(ops), target=2, at=NOW, by=ops)
    assert asked(wave) & {row.pk for row in small} == {small[0].pk}
    assert sorted(reasons(wave).values()) == ["colleague", "colleague"]
    assert set(reasons(wave)) | asked(wave) == {row.pk for row in [*big, *small]}


def test_an_account_is_not_asked_beyond_its_own_budget(ops):
    crowd = people.loyal(people=8)
    for contact in crowd[:2]:
        attention.reserve(account=contact.account, contact=contact, purpose="news", at=NOW, by=BY)
    wave = open_wave(people.survey(ops), target=40, at=NOW, by=ops)
    assert (wave.asked, wave.eligible) == (4, 4)
    # The budget is not spent by those who were not asked: they have a colleague who was.
    assert sorted(reasons(wave).values()) == ["colleague"] * 4


def test_the_draw_is_in_proportion_to_the_segments(ops):
    for segment, size in (("small", 12), ("middle", 6), ("large", 2)):
        for _n in range(size):
            people.loyal(segment=segment)
    wave = open_wave(people.survey(ops), target=10, at=NOW, by=ops)
    drawn = Invitation.objects.system("test").filter(wave=wave).values_list("account__segment", flat=True)
    found = sorted(drawn)
    assert [found.count(segment) for segment in ("small", "middle", "large")] == [6, 3, 1]
    assert sorted(reasons(wave).values()) == ["not_drawn"] * 10


def test_the_same_seed_draws_the_same_people(ops):
    for _n in range(12):
        people.loyal()
    survey = people.survey(ops)
    before = circle(survey, target=5, at=NOW)
    wave = open_wave(survey, target=5, at=NOW, by=ops)
    drawn = Invitation.objects.system("test").filter(wave=wave).order_by("pk").values_list("contact", flat=True)
    assert before.first == drawn[0]
    assert (before.asked, before.eligible, before.reasons) == (5, 12, {"not_drawn": 7})


def test_people_of_merged_accounts_count_as_one_customer(ops):
    [one] = people.loyal()
    gone = factories.account(stage="churned", merged_into=one.account)
    other = factories.contact(gone)
    wave = open_wave(people.survey(ops), target=1, at=NOW, by=ops)
    assert asked(wave) | set(reasons(wave)) == {one.pk, other.pk}
    assert list(reasons(wave).values()) == ["colleague"]


def test_nobody_is_asked_again_before_the_cooldown_is_over(ops):
    survey, other = people.survey(ops, cooldown_days=180), people.survey(ops)
    [contact] = people.loyal()
    open_wave(survey, target=5, at=NOW, by=ops)
    for later, same, any_other in ((89, 0, 0), (90, 0, 1), (179, 0, 1), (180, 1, 1)):
        at = NOW + timedelta(days=later)
        people.use(contact.account, day=at.date() - timedelta(days=1))
        OutboundMail.objects.system("test").update(state="sent")
        found = [circle(each, target=5, at=at).asked for each in (survey, other)]
        assert found == [same, any_other], later


def test_a_mail_that_never_went_out_asked_nobody(ops):
    survey, other = people.survey(ops), people.survey(ops)
    rep = factories.user("rep")
    people.loyal(owner=rep)
    open_wave(survey, target=5, at=NOW, by=ops)
    assert circle(other, target=5, at=NOW).reasons == {"asked_recently": 1}
    [mail] = mails()
    outbox.cancel(mail, at=NOW, by=rep)
    assert circle(other, target=5, at=NOW).asked == 1


def test_a_batch_that_is_sent_twice_asks_nobody_twice(ops):
    for _n in range(6):
        people.loyal()
    survey = people.survey(ops)
    first = open_wave(survey, target=3, at=NOW, by=ops)
    again = open_wave(survey, target=3, at=NOW + timedelta(seconds=2), by=ops)
    past_midnight = open_wave(survey, target=3, at=NOW + timedelta(hours=23), by=ops)
    assert first == again == past_midnight
    assert (mails().count(), Invitation.objects.system("test").count(), Wave.objects.count()) == (3, 3, 1)
    assert AuditRow.objects.filter(action="wave.opened").count() == 1
    next_day = open_wave(survey, target=3, at=NOW + timedelta(hours=24), by=ops)
    assert (next_day.asked, Wave.objects.count()) == (3, 2)
    assert mails().count() == 6


@pytest.mark.django_db(transaction=True)
def test_two_people_who_press_at_once_open_one_wave():
    ops = factories.user("ops_admin")
    for _n in range(4):
        people.loyal()
    survey, start, found = people.survey(ops), Barrier(4), []

    def press() -> None:
        try:
            start.wait()
            found.append(open_wave(survey, target=2, at=NOW, by=ops).pk)
        finally:
            connection.close()

    presses = [Thread(target=press) for _n in range(4)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert (len(found), len(set(found)), Wave.objects.count(), mails().count()) == (4, 1, 1, 2)


def test_a_mail_refused_at_the_last_moment_is_replaced_and_the_number_stays_true(ops, monkeypatch):
    """The draw reads before it locks; a hold that came in between is met by drawing once more."""
    for _n in range(3):
        people.loyal()
    survey = people.survey(ops)
    first = circle(survey, target=2, at=NOW).first
    seen = queries.unwritable
    assert first

    def unwritable_and_then_a_name_breaks(among: AccountQuerySet) -> dict[int, str]:
        found = seen(among)
        contact = Contact.objects.system("test").get(pk=first)
        contact.name = "Two\nlines"
        contact.save()
        return found

    monkeypatch.setattr(queries, "unwritable", unwritable_and_then_a_name_breaks)
    wave = open_wave(survey, target=2, at=NOW, by=ops)
    assert (wave.asked, wave.eligible, reasons(wave)) == (2, 2, {first: "refused"})
    assert mails().count() == 2
    assert all("more than half of the 2" in mail.body_text for mail in mails())


def test_nobody_to_ask_is_said_and_leaves_nothing(ops):
    people.loyal(used=0)
    with pytest.raises(ValidationError, match="Nobody can be asked"):
        open_wave(people.survey(ops), target=5, at=NOW, by=ops)
    assert (Wave.objects.count(), NotAsked.objects.system("test").count()) == (0, 0)


@pytest.mark.parametrize("target", [0, 501, -3])
def test_a_wave_is_small(ops, target):
    people.loyal()
    with pytest.raises(ValidationError, match="Ask between 1 and 500 people"):
        open_wave(people.survey(ops), target=target, at=NOW, by=ops)


@pytest.mark.parametrize("role", ["rep", "manager", "read_only", "system_admin"])
def test_only_ops_opens_a_wave(ops, role):
    people.loyal()
    with pytest.raises(PermissionDenied):
        open_wave(people.survey(ops), target=5, at=NOW, by=factories.user(role))


def test_the_record_says_how_many_and_nothing_about_whom(ops):
    [contact] = people.loyal()
    wave = open_wave(people.survey(ops), target=5, at=NOW, by=ops)
    row = AuditRow.objects.get(action="wave.opened")
    assert row.after == {"survey": wave.survey_id, "target": 5, "asked": 1, "eligible": 1}
    assert contact.email not in str(list(AuditRow.objects.values_list("after", "before", "object_label")))
