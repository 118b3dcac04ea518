"""Drafts carry the account's own figures, are approved as read, and come back when they could not go out."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.calendars.actions import create_calendar, set_day
from crm.calendars.queries import hours_by_place
from crm.calendars.rules import OFFICE_WEEK
from crm.lib.working_hours import Hours
from crm.outbox.models import OutboundMail
from retention.follow_ups import rules
from retention.follow_ups.actions import approve, dismiss, edit, pick_up, settle
from retention.follow_ups.models import FollowUp
from retention.follow_ups.queries import review
from retention.messages.actions import ensure_default_templates
from retention.messages.emails import first_name, greeting
from retention.messages.queries import recap
from retention.playbooks.actions import ensure_default_playbooks
from retention.plays.actions import advance
from retention.plays.models import PlayStep
from retention.risk_signals.actions import look
from tests import factories
from tests.retention.chain import NOW, TODAY, event, owned, person, stands, uses

BY = System("test")
pytestmark = pytest.mark.django_db


@pytest.fixture
def draft():
    """A draft for an account with 25 seats: two people active before, one now; 600 trips before, 80 now."""
    return make_draft()


def make_draft(**account_fields):
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH")
    ensure_default_templates(at=NOW, by=BY)
    ensure_default_playbooks(at=NOW, by=BY)
    account, _, _ = owned(**account_fields)
    trips = event()
    portal = factories.feature("portal", name="Carrier portal", is_key=True, threshold=5)
    plan = factories.plan(trips.feature, portal)
    factories.subscription(account, 1240, plan=plan, seats=25)
    uses(account, trips, person("lena"), {TODAY - timedelta(days=30): 300, TODAY - timedelta(days=2): 80})
    uses(account, trips, person("jonas"), {TODAY - timedelta(days=31): 300})
    stands(account, 460, 720)
    look(at=NOW, by=BY)
    advance(at=NOW, by=BY)
    pick_up(at=NOW, by=BY)
    return FollowUp.objects.system("test").select_related("owner", "contact__account", "account").get()


def test_the_draft_speaks_in_the_accounts_own_figures(draft):
    assert draft.subject == "1 of 25 seats in use"
    assert draft.body == (
        "Hi Lena,\n\n1 of your 25 seats were in use over the last four weeks, against 2 in the four weeks before. "
        "Your team's Trip planning came to 80 trips, after 600.\n\n"
        "Your plan already includes Carrier portal. Shall I set it up with the people who would use it, "
        "20 minutes on Monday?\n\nMina Kwon\nCustomer success, Fleetline GmbH"
    )
    assert draft.why == "Health fell from 72 to 46 in 28 days. What costs most: Key features used."
    assert review(draft, at=NOW).problems == []


def test_a_korean_account_is_written_to_in_korean():
    body = make_draft(language="ko").body
    assert "25석 중 1석을 쓰셨습니다" in body
    assert "Trip planning은 80trips로" in body
    assert "Carrier portal이 이미 들어 있습니다" in body


def test_the_recap_tells_what_one_unit_came_to(draft):
    (got,) = recap([draft.account_id], TODAY).values()
    assert (got.active, got.active_before, got.seats) == (1, 2, 25)
    assert (got.feature, got.unused) == ("Trip planning", ("Carrier portal",))
    assert str(got.per_unit) == "15.50"  # 1,240 a month over 28 days ÷ 80 trips


def test_picking_up_twice_writes_one_draft(draft):
    assert pick_up(at=NOW, by=BY) == "0 drafts written"


def test_nobody_to_write_to_skips_the_step_with_its_reason():
    ensure_default_playbooks(at=NOW, by=BY)
    ensure_default_templates(at=NOW, by=BY)
    account, _, contact = owned()
    contact.left_on = date(2026, 10, 2)
    contact.save()
    stands(account, 460, 720)
    look(at=NOW, by=BY)
    advance(at=NOW, by=BY)
    assert pick_up(at=NOW, by=BY) == "0 drafts written"
    step = PlayStep.objects.system("test").get(step__position=1)
    assert (step.state, step.why) == ("skipped", "nobody there can be written to")


def test_the_owner_approves_the_text_that_was_displayed(draft):
    mail = approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    assert (mail.state, mail.subject, mail.due_at) == ("approved", draft.subject, NOW)
    assert FollowUp.objects.system("test").get().state == "approved"
    assert AuditRow.objects.get(action="follow_up.approved").actor_id == str(draft.owner.pk)


def test_a_text_that_changed_meanwhile_is_not_approved(draft):
    seen = review(draft, at=NOW).fingerprint
    edit(draft, subject="Another", body=draft.body, at=NOW, by=draft.owner)
    with pytest.raises(ValidationError, match="changed since you opened it"):
        approve(draft, displayed=seen, at=NOW, by=draft.owner)
    assert not OutboundMail.objects.system("test").exists()


def test_the_lint_stops_approval_until_a_reason_is_logged(draft):
    row = edit(draft, subject="Hello", body=draft.body + "\nWe miss you.", at=NOW, by=draft.owner)
    shown = rules.fingerprint(row.subject, row.body)
    with pytest.raises(ValidationError, match="We miss you"):
        approve(row, displayed=shown, at=NOW, by=draft.owner)
    approve(row, displayed=shown, override="a quotation", at=NOW, by=draft.owner)
    assert FollowUp.objects.system("test").get(pk=row.pk).state_why == "a quotation"
    # The record keeps that there was one of eleven letters, and no words: they may name somebody.
    assert AuditRow.objects.get(action="follow_up.approved").after["override"].endswith(", 11")


@pytest.mark.parametrize("role", ["rep", "ops_admin", "system_admin", "read_only"])
def test_nobody_else_approves_a_reps_mail(draft, role):
    other = factories.user(role, team=draft.owner.team)
    with pytest.raises(PermissionDenied):
        approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=other)


def test_the_teams_manager_approves_on_behalf_and_that_is_recorded(draft):
    manager = factories.user("manager", team=draft.owner.team)
    approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=manager)
    assert AuditRow.objects.get(action="follow_up.approved").on_behalf_of == "Mina Kwon"


def test_not_now_needs_a_reason_and_settles_the_step(draft):
    with pytest.raises(ValidationError):
        dismiss(draft, why=" ", at=NOW, by=draft.owner)
    dismiss(draft, why="Spoke to Lena today", at=NOW, by=draft.owner)
    assert draft.play_step.__class__._base_manager.get(pk=draft.play_step.pk).state == "skipped"
    with pytest.raises(ValidationError, match="decided already"):
        approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)


@pytest.mark.parametrize(("state", "follow_up", "step"), [("sent", "approved", "done"), ("returned", "draft", "due")])
def test_the_draft_follows_its_mail(draft, state, follow_up, step):
    mail = approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    OutboundMail.objects.system("test").filter(pk=mail.pk).update(state=state, settled_at=NOW)
    settle(at=NOW, by=BY)
    row = FollowUp.objects.system("test").select_related("play_step").get()
    assert (row.state, row.play_step.state, row.revision) == (follow_up, step, 1 if state == "sent" else 2)


def test_drafts_of_a_play_that_ended_are_withdrawn(draft):
    stands(draft.account, 720, 720, TODAY + timedelta(days=1))
    look(at=NOW + timedelta(days=1), by=BY)
    advance(at=NOW + timedelta(days=1), by=BY)
    assert settle(at=NOW + timedelta(days=1), by=BY) == "0 sent, 0 back as drafts, 1 withdrawn"
    assert FollowUp.objects.system("test").get().state == "cancelled"


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        (datetime(2026, 11, 18, 9, 0, tzinfo=UTC), "Europe/Berlin", datetime(2026, 11, 18, 9, 0, tzinfo=UTC)),
        (datetime(2026, 11, 21, 9, 0, tzinfo=UTC), "Europe/Berlin", datetime(2026, 11, 23, 8, 10, tzinfo=UTC)),
        (datetime(2026, 11, 18, 5, 0, tzinfo=UTC), "Europe/Berlin", datetime(2026, 11, 18, 8, 10, tzinfo=UTC)),
        (datetime(2026, 11, 20, 18, 0, tzinfo=UTC), "Asia/Seoul", datetime(2026, 11, 23, 0, 10, tzinfo=UTC)),
    ],
)
def test_mail_goes_out_in_the_recipients_working_hours(at, zone, expected):
    assert rules.send_at(at, Hours(OFFICE_WEEK, zone)) == expected


def test_no_mail_goes_out_and_no_meeting_is_proposed_on_a_holiday_of_theirs(draft):
    """Seollal 2026 is Monday 16 to Wednesday 18 February; Friday before, Seoul has closed already at 17:00 UTC."""
    seoul = create_calendar(name="Seoul", country="KR", at=NOW, by=BY)
    friday, thursday = datetime(2026, 2, 13, 17, tzinfo=UTC), datetime(2026, 2, 19, 0, 10, tzinfo=UTC)
    hours = hours_by_place([(seoul.pk, "Asia/Seoul")])[seoul.pk, "Asia/Seoul"]
    assert rules.send_at(friday, hours) == thursday
    # Three days of theirs and ours after the Friday: Thursday, Friday, and the Monday after.
    assert rules.meeting_on(date(2026, 2, 13), hours) == date(2026, 2, 23)
    # A day off of our own is one as well, and the draft says so before it is approved.
    set_day(seoul, day=TODAY, name="Works outing", free=True, at=NOW, by=BY)
    draft.contact.account.calendar = seoul
    assert review(draft, at=NOW).send_at.date() == TODAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "title", "first", "greeted"),
    [
        ("Lena Vogt", "Head", "Lena", "Lena"),
        ("김도윤", "팀장", "김도윤", "김도윤 팀장님"),
        ("김도윤", "", "김도윤", "김도윤 님"),
    ],
)
def test_people_are_addressed_as_their_language_does(name, title, first, greeted):
    assert (first_name(name), greeting(name, title)) == (first, greeted)
