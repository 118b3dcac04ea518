"""Two records of one person become one with all that points at them, the stricter word holds, and it can be undone."""

from datetime import date, timedelta

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey

from crm.attention.models import Reservation
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.consents.actions import grant_consent, withdraw_consent
from crm.consents.models import Consent
from crm.consents.queries import last_word
from crm.contacts import actions
from crm.contacts.models import Contact
from crm.erasures.actions import erase
from crm.outbox.actions import suppress
from crm.outbox.queries import is_suppressed
from crm.people.models import Person
from crm.sources.actions import create_source
from feedback.invitations.models import Invitation
from retention.follow_ups.models import FollowUp, FollowUpState
from retention.playbooks.actions import ensure_default_playbooks
from retention.playbooks.models import Step
from retention.plays.models import Play, PlayStep
from retention.risk_signals.models import RiskSignal, SignalKind
from tests import factories
from tests.factories import NOW
from tests.feedback import people

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SYSTEM = System("test")


@pytest.fixture
def rep(db):
    return factories.user()


@pytest.fixture
def two(rep):
    """The older record, which stays, and the newer one."""
    of = factories.account("Acme", owner=rep)
    stays = factories.contact(of, name="Mina Park", email="mina@acme.example", phone="")
    away = factories.contact(of, name="mina park", email="m.park@acme.example", phone="+82 2 555", job_title="CTO")
    return stays, away


def fresh(row):
    return type(row)._base_manager.get(pk=row.pk)


def test_whatever_points_at_a_contact_goes_along_with_a_merge():
    """A new foreign key to Contact: add its model to `following` in the apps.py of its app, and say so here."""
    own = {"crm.Contact.merged_into", "crm.ContactMerge.contact", "crm.ContactMerge.into"}
    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.related_model is Contact
    }
    assert found - own == {f"{kind.model}.contact" for kind in actions.following}


def test_the_chosen_values_stay_the_rows_go_along_and_the_other_record_is_nowhere(two, rep, as_user):
    stays, away = two
    person = Person.objects.create(
        source=create_source(name="App", at=NOW, by=SYSTEM),
        external_id="m",
        contact=away,
        first_seen_at=NOW,
        last_seen_at=NOW,
    )
    survey = people.survey()
    asked = people.invitation(survey, away, created_at=NOW, expires_at=NOW + DAY)
    actions.merge_contacts(away, into=stays, taking=["phone", "job_title"], at=NOW, by=rep)
    stays, away = fresh(stays), fresh(away)
    assert (stays.name, stays.email, stays.phone, stays.job_title) == (
        "Mina Park",
        "mina@acme.example",
        "+82 2 555",
        "CTO",
    )
    assert (away.merged_into, away.email) == (stays, "m.park@acme.example")
    assert (fresh(person).contact, fresh(asked).contact) == (stays, stays)
    page = as_user(rep).get(f"/accounts/{stays.account_id}/contacts/").content.decode()
    assert ("Mina Park" in page, "m.park@acme.example" in page) == (True, False)
    row = AuditRow.objects.get(action="contact.merged")
    assert (row.object_label, row.after["into"], row.after["moved"]["crm.Person"]) == ("", stays.pk, 1)


def test_an_undo_within_thirty_days_gives_back_what_went_along(two, rep):
    stays, away = two
    survey = people.survey()
    asked = people.invitation(survey, away, created_at=NOW, expires_at=NOW + DAY)
    actions.merge_contacts(away, into=stays, taking=["email", "phone"], at=NOW, by=rep)
    assert (fresh(stays).email, fresh(away).email) == ("m.park@acme.example", "")
    actions.change_contact(fresh(stays), phone="+82 2 777", at=NOW, by=rep)
    with pytest.raises(ValidationError, match="30 days"):
        actions.undo_merge(fresh(away), at=NOW + 31 * DAY, by=rep)
    actions.undo_merge(fresh(away), at=NOW + 29 * DAY, by=rep)
    stays, away = fresh(stays), fresh(away)
    assert (stays.email, away.email, away.merged_into) == ("mina@acme.example", "m.park@acme.example", None)
    assert stays.phone == "+82 2 777"  # changed since, so it stays
    assert fresh(asked).contact == away
    with pytest.raises(ValidationError, match="not merged"):
        actions.undo_merge(away, at=NOW + 29 * DAY, by=rep)


def test_a_no_of_either_record_holds_and_goes_back_to_whoever_said_it(two, rep):
    stays, away = two
    said = {"at": NOW, "by": rep, "source": "phone"}
    grant_consent(stays, purpose="advertising", on=date(2026, 11, 1), wording="Yes, news.", **said)
    withdraw_consent(away, purpose="advertising", on=date(2026, 10, 1), **said)
    withdraw_consent(stays, purpose="survey", on=date(2026, 10, 1), **said)
    grant_consent(away, purpose="survey", on=date(2026, 11, 1), wording="Ask me.", **said)
    grant_consent(away, purpose="referral", on=date(2026, 11, 1), wording="Ask me.", **said)
    actions.merge_contacts(away, into=stays, at=NOW, by=rep)
    words = [last_word(stays, purpose) for purpose in ("advertising", "survey", "referral", "informational")]
    assert words == [False, False, True, None]
    actions.undo_merge(fresh(away), at=NOW + DAY, by=rep)
    assert [last_word(stays, purpose) for purpose in ("advertising", "survey")] == [True, False]
    assert [last_word(away, purpose) for purpose in ("advertising", "survey")] == [False, True]
    assert Consent.objects.system("test").filter(contact=stays).count() == 3


def test_an_address_that_refused_mail_keeps_the_one_that_stays_from_it(two, rep):
    stays, away = two
    suppress(away.email, reason="unsubscribed", scope="survey", at=NOW, by=SYSTEM)
    actions.merge_contacts(away, into=stays, at=NOW, by=rep)
    assert (is_suppressed(stays.email, ["survey"]), is_suppressed(stays.email, ["advertising"])) == (True, False)


def test_whoever_was_asked_in_one_wave_as_both_stays_on_record_as_both(two, rep):
    stays, away = two
    survey = people.survey()
    first = people.invitation(survey, stays, created_at=NOW, expires_at=NOW + DAY)
    second = Invitation.objects.create(
        wave=first.wave,
        account=away.account,
        contact=away,
        link="1" * 22,
        language="en",
        created_at=NOW,
        expires_at=NOW + DAY,
    )
    actions.merge_contacts(away, into=stays, at=NOW, by=rep)
    assert (fresh(first).contact, fresh(second).contact) == (stays, away)


def test_two_drafts_of_one_step_become_one(two, rep):
    stays, away = two
    ensure_default_playbooks(at=NOW, by=SYSTEM)
    step = Step.objects.order_by("position")[0]
    signal = RiskSignal.objects.create(
        account=stays.account, kind=SignalKind.BAND_RED, opened_at=NOW, updated_at=NOW, evidence={}
    )
    play = Play.objects.create(
        playbook=step.playbook, account=stays.account, entry=1, started_at=NOW, risk_signal=signal
    )
    due = PlayStep.objects.create(play=play, step=step, account=stays.account, due_at=NOW)
    more = {"account": stays.account, "owner": rep, "occurrence_on": NOW.date(), "subject": "s", "body": "b"}
    more |= {"facts_day": NOW.date(), "created_at": NOW, "why": "w", "play_step": due}
    FollowUp.objects.create(contact=stays, **more)
    double = FollowUp.objects.create(contact=away, **more)
    other = FollowUp.objects.create(contact=away, **more | {"play_step": None})
    actions.merge_contacts(away, into=stays, at=NOW, by=rep)
    assert [(row.state, row.contact) for row in (fresh(double), fresh(other))] == [
        (FollowUpState.DISMISSED, away),
        (FollowUpState.DRAFT, stays),
    ]


def test_a_later_identify_call_or_a_new_address_finds_the_record_that_stays(two, rep):
    stays, away = two
    actions.merge_contacts(away, into=stays, at=NOW, by=rep)
    call = actions.Identified(7, stays.account_id, None, {"email": away.email, "name": "M"}, {"email", "name"}, NOW)
    assert actions.upsert_from_identify([call], at=NOW) == ({7: stays.pk}, [])
    assert fresh(stays).email == "mina@acme.example"
    actions.change_contact(fresh(stays), email=away.email, at=NOW, by=rep)
    assert (fresh(stays).email, fresh(away).email) == ("m.park@acme.example", "")


def test_erasing_the_one_that_stays_erases_the_one_put_away(two, rep):
    stays, away = two
    actions.merge_contacts(away, into=stays, taking=["phone"], at=NOW, by=rep)
    erase(fresh(stays), at=NOW, by=factories.user("system_admin"))
    assert [(row.name, row.email) for row in (fresh(stays), fresh(away))] == [("", ""), ("", "")]


@pytest.mark.parametrize("which", ["itself", "another account", "merged away"])
def test_what_cannot_become_one_is_refused(two, rep, which):
    stays, away = two
    into = {"itself": away, "another account": factories.contact(factories.account(owner=rep))}.get(which, stays)
    if which == "merged away":
        actions.merge_contacts(away, into=stays, at=NOW, by=rep)
    with pytest.raises(ValidationError):
        actions.merge_contacts(away, into=into, at=NOW, by=rep)


def test_doubles_are_offered_side_by_side_and_merged_with_an_undo(two, rep, as_user, django_assert_num_queries):
    stays, away = two
    browser, here = as_user(rep), f"/accounts/{stays.account_id}/contacts/"
    offer = f'href="/contacts/{away.pk}/merge/?into={stays.pk}"'
    assert offer in browser.get(here).content.decode()
    page = browser.get(f"/contacts/{away.pk}/merge/?into={stays.pk}")
    shown = {choice.name: (choice.away, choice.stays, choice.takes) for choice in page.context["choices"]}
    assert shown["phone"] == ("+82 2 555", "", True)
    assert shown["email"] == ("m.park@acme.example", "mina@acme.example", False)
    done = browser.post(
        f"/contacts/{away.pk}/merge/", {"into": stays.pk, "chosen": "1", "take_phone": "away"}, follow=True
    )
    assert "is merged into Mina Park" in done.content.decode()
    assert (fresh(stays).phone, fresh(stays).job_title) == ("+82 2 555", "")
    assert "merged into Mina Park" in browser.get(f"/contacts/{away.pk}/").content.decode()
    browser.post(f"/contacts/{away.pk}/undo-merge/")
    assert fresh(away).merged_into is None


def test_the_budget_counts_for_the_one_that_stays(two, rep):
    stays, away = two
    spent = Reservation.objects.create(account=away.account, contact=away, purpose="informational", at=NOW)
    actions.merge_contacts(away, into=stays, at=NOW, by=rep)
    assert fresh(spent).contact == stays
