"""What happens in conversations: clocks in the database as in the arithmetic, responders, rights, the record."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from crm.accounts import actions as accounts
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.calendars import actions as calendars
from crm.calendars.models import Calendar, CalendarDay
from crm.conversations import actions, queries
from crm.conversations.emails import who_answers
from crm.conversations.models import Conversation, Entry
from crm.conversations.rules import waited
from crm.staff.actions import change_user
from tests import factories
from tests.crm.conversations.cases import CASES, PLACES, when
from tests.factories import NOW

pytestmark = pytest.mark.django_db

BY = System("test")
COUNTRIES = {
    "MUNICH": ("DE", "BY"), "BERLIN": ("DE", "BE"), "DRESDEN": ("DE", "SN"), "HAMBURG": ("DE", "HH"),
    "COLOGNE": ("DE", "NW"), "SEOUL": ("KR", ""),
}  # fmt: skip


def calendar_of(place: str) -> Calendar:
    country, part = COUNTRIES.get(place, ("", ""))
    week = [list(span) if span else None for span in PLACES[place].week]
    return calendars.create_calendar(name=place, country=country, part=part, week=week, at=NOW, by=BY)


def test_every_clock_of_the_table_runs_alike_through_the_actions(db):
    people = [factories.user("rep"), factories.user("rep")]
    factories.installation(visibility="all")
    made = {place: calendar_of(place) for place in PLACES}
    wrong: list[tuple[object, ...]] = []
    for case in CASES:
        if any(then.what == "retargeted" for then in case.then):  # a target that changes is for those to come
            continue
        of = factories.account(owner=people[0], time_zone=PLACES[case.place].zone, calendar=made[case.place])
        actions.set_target(channel="mail", plan=None, minutes=case.minutes, at=NOW, by=BY)
        at = when(case.asked)
        row = actions.receive(of, channel="mail", text="Hello?", at=at, by=BY)
        for then in case.then:
            at = when(then.at)
            if then.what == "moved":
                to = str(then.to)
                accounts.change_account(of, time_zone=PLACES[to].zone, calendar=made[to], at=at, by=BY)
                row = Conversation.objects.system("test").get(pk=row.pk)
            elif then.what == "assigned":
                row = actions.assign(row, responder=people[int(then.to)], at=at, by=BY)
            elif then.what == "answered":
                row = actions.answer(row, text="Yes.", at=at, by=BY)
            elif then.what == "reopened" and row.state == "waiting":
                row = actions.hear(row, text="And this?", at=at, by=BY)
            else:
                do = {
                    "paused": actions.wait, "resumed": actions.take_up, "closed": actions.close,
                    "reopened": actions.reopen,
                }  # fmt: skip
                row = do[then.what](row, at=at, by=BY)
        row = Conversation.objects.system("test").select_related("account").get(pk=row.pk)
        clock = row.clock
        assert clock is not None
        due = when(case.due) if case.due else None
        if (clock.due_at, clock.is_late(at)) != (due, case.late):
            wrong.append((case.why, clock.due_at, due))
        minutes = waited(clock, at, queries.hours_of(row.account)) // timedelta(minutes=1)
        if case.waited is not None and minutes != int(case.waited):
            wrong.append((case.why, minutes, int(case.waited)))
    assert wrong == []


@pytest.fixture
def account(rep):
    """In Berlin, open from nine to five; NOW is a Saturday morning, and tickets have four hours."""
    return factories.account(owner=rep, time_zone="Europe/Berlin")


def codes() -> list[str]:
    return list(
        AuditRow.objects.filter(action__startswith="conversation").order_by("pk").values_list("action", flat=True)
    )


def test_what_comes_in_has_a_named_responder_and_a_target(account, rep):
    row = actions.receive(account, channel="ticket", text="It is broken.", subject="Export", at=NOW, by=rep)
    # Monday 9:00 in Berlin is 8:00 UTC; four hours later it is 12:00.
    assert (row.responder, row.due_at) == (rep, NOW.replace(day=23, hour=12))
    assert row.state == "open"
    entry = Entry.objects.system("test").get(conversation=row)
    assert (entry.inbound, entry.text, entry.said_by) == (True, "It is broken.", None)


def test_thanks_need_no_clock_and_a_talk_is_over_when_it_is_logged(account, rep):
    thanks = actions.receive(account, channel="mail", text="Thank you!", needs_answer=False, at=NOW, by=rep)
    talk = actions.log(account, channel="call", text="", at=NOW, by=rep)
    assert [(row.state, row.clock, row.closed_at) for row in (thanks, talk)] == [("closed", None, NOW)] * 2
    assert talk.responder == rep
    assert codes() == ["conversation.received", "conversation.logged"]


def test_a_plan_has_its_own_target_and_of_two_plans_the_shorter_one_holds(account, rep):
    gold, silver = factories.plan(name="Gold"), factories.plan(name="Silver")
    for plan, minutes in ((gold, 60), (silver, 120)):
        actions.set_target(channel="ticket", plan=plan, minutes=minutes, at=NOW, by=BY)
    assert queries.target_of(account, "ticket", NOW) == timedelta(minutes=240)
    factories.subscription(account, plan=silver)
    assert queries.target_of(account, "ticket", NOW) == timedelta(minutes=120)
    factories.subscription(account, plan=gold)
    assert queries.target_of(account, "ticket", NOW) == timedelta(minutes=60)
    assert queries.target_of(account, "note", NOW) is None


def test_a_second_word_of_theirs_does_not_begin_the_clock_anew(account, rep):
    row = actions.receive(account, channel="ticket", text="Hello?", at=NOW, by=rep)
    again = actions.hear(row, text="Anybody there?", at=NOW + timedelta(days=1), by=rep)
    assert again.due_at == row.due_at
    assert again.last_at == NOW + timedelta(days=1)


def test_what_is_put_down_late_is_judged_by_when_it_was_said(account, rep):
    """Mail with the BCC address arrives in any order: 9:00 asked, 10:00 answered, 11:00 asked again."""
    hour = timedelta(hours=1)
    row = actions.receive(account, channel="ticket", text="Hello?", at=NOW, by=rep)
    row = actions.answer(row, text="Yes?", at=NOW + hour, by=rep)
    earlier = actions.hear(row, text="By Friday.", said_at=NOW + hour / 2, at=NOW + hour, by=rep)
    assert (earlier.state, earlier.answered_at) == ("waiting", NOW + hour)
    again = actions.hear(row, text="And this?", at=NOW + 2 * hour, by=rep)
    before = actions.answer(row, text="Friday it is.", said_at=NOW + 1.5 * hour, at=NOW + 2 * hour, by=rep)
    assert (before.state, before.answered_at, before.due_at) == ("open", None, again.due_at)
    assert actions.answer(row, text="This too.", at=NOW + 3 * hour, by=rep).answered_at == NOW + 3 * hour


def test_a_day_off_that_is_entered_while_somebody_waits_moves_the_clock(account, ops, rep):
    row = actions.receive(account, channel="ticket", text="Hello?", at=NOW, by=rep)
    office = Calendar.objects.get(is_default=True)
    calendars.set_day(office, day=NOW.replace(day=23).date(), name="Works outing", free=True, at=NOW, by=ops)
    assert Conversation.objects.system("test").get(pk=row.pk).due_at == NOW.replace(day=24, hour=12)
    calendars.drop_day(office, day=NOW.replace(day=23).date(), at=NOW, by=ops)
    assert Conversation.objects.system("test").get(pk=row.pk).due_at == NOW.replace(day=23, hour=12)


def test_the_sentence_to_pass_on_is_there_while_it_is_true(account, rep):
    row = actions.receive(account, channel="ticket", text="Hello?", at=NOW, by=rep)
    row = Conversation.objects.system("test").select_related("account", "contact", "responder").get(pk=row.pk)
    # Monday at 12:00 UTC, as a clock in Berlin shows it; the customer's own language and zone go first.
    assert who_answers(row, NOW) == f"{rep.name} answers you by Monday 23 November, 13:00."
    row.contact = factories.contact(account, language="ko", time_zone="Asia/Seoul")
    assert who_answers(row, NOW) == f"11월 23일 월요일 21:00까지 {rep.name} 담당자가 답을 드리겠습니다."
    row.contact = None
    assert row.due_at is not None
    assert who_answers(row, row.due_at) == ""
    assert who_answers(actions.wait(row, at=NOW, by=rep), NOW) == ""


def test_a_stranger_neither_answers_nor_is_named_but_who_answers_may_speak(account, rep):
    factories.installation(visibility="own")
    row = actions.receive(account, channel="ticket", text="Hello?", at=NOW, by=rep)
    stranger = factories.asking(factories.user("rep"))
    with pytest.raises(PermissionDenied):
        actions.answer(row, text="Yes.", at=NOW, by=stranger)
    with pytest.raises(ValidationError, match="cannot answer here"):
        actions.assign(row, responder=stranger, at=NOW, by=rep)
    factories.installation(visibility="all")
    stranger = factories.asking(stranger)
    actions.assign(row, responder=stranger, at=NOW, by=rep)
    assert actions.answer(row, text="Yes.", at=NOW, by=stranger).state == "waiting"


def test_who_leaves_or_no_longer_sees_the_account_answers_no_more(account, rep):
    """Then the owner does: at once where somebody waits, and where it was over when it is opened again."""
    factories.installation(visibility="own")
    colleague, taker = (factories.user("rep", team=rep.team) for _n in range(2))
    waits, over, named = (actions.receive(account, channel="ticket", text="Hello?", at=NOW, by=rep) for _n in range(3))
    actions.close(over, at=NOW, by=rep)
    Conversation.objects.system("test").filter(pk=named.pk).update(responder=colleague)

    def answers():
        rows = Conversation.objects.system("test").order_by("pk")
        return [row.responder for row in rows.select_related("responder")]

    account.owner = taker
    account.save()
    change_user(rep, is_active=False, at=NOW, by=BY)
    assert answers() == [taker, rep, colleague]
    actions.hear(named, text="Anybody?", at=NOW, by=BY)
    actions.reopen(over, at=NOW, by=BY)
    assert answers() == [taker, taker, taker]
    # Who leaves and owns the account leaves nobody behind, which is better than a name that does not answer.
    change_user(taker, is_active=False, at=NOW, by=BY)
    assert answers() == [None] * 3
    told = AuditRow.objects.filter(action="conversation.assigned").order_by("pk")
    assert [row.after["responder_id"] for row in told] == [taker.pk, None, None, None]
    assert Conversation.objects.system("test").get(pk=waits.pk).due_at == waits.due_at


def test_what_has_not_happened_yet_is_refused(account, rep):
    with pytest.raises(ValidationError, match="not happened yet"):
        actions.log(account, channel="call", said_at=NOW + timedelta(minutes=1), at=NOW, by=rep)
    row = actions.receive(account, channel="ticket", text="Hello?", at=NOW, by=rep)
    with pytest.raises(ValidationError, match="had not begun"):
        actions.answer(row, text="Yes.", said_at=NOW - timedelta(hours=1), at=NOW, by=rep)
    person = factories.contact(factories.account())
    with pytest.raises(ValidationError, match="does not belong"):
        actions.log(account, channel="call", contact=person, at=NOW, by=rep)


def test_the_words_stand_in_no_row_of_the_record(account, rep):
    row = actions.receive(account, channel="mail", text="Lena Vogt is ill.", subject="Lena Vogt", at=NOW, by=rep)
    actions.answer(row, text="Get well, Lena Vogt.", at=NOW, by=rep)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_auditrow AS kept WHERE kept::text LIKE '%Lena%'")
        assert cursor.fetchone() == (0,)


def test_holidays_are_written_ahead_once_and_the_past_stays(db, ops):
    berlin = calendars.create_calendar(name="Berlin", country="DE", part="BE", at=NOW, by=ops)
    rows = CalendarDay.objects.filter(calendar=berlin)
    years = set(rows.values_list("day__year", flat=True))
    assert years == set(range(2023, 2029))
    assert calendars.write_ahead(at=NOW, by=BY) == 0
    assert calendars.write_ahead(at=NOW.replace(year=2027), by=BY) > 8
    before = set(rows.filter(day__lt=NOW.date()).values_list("day", flat=True))
    calendars.change_calendar(berlin, country="KR", part="", at=NOW, by=ops)
    assert set(rows.filter(day__lt=NOW.date()).values_list("day", flat=True)) == before
    assert rows.filter(name="Korean New Year", day__year=2027).exists()
    assert not rows.filter(name="German Unity Day", day__year=2027).exists()


def test_there_is_always_one_default_and_a_week_has_an_open_day(db, ops):
    other = calendars.create_calendar(name="Other", is_default=True, at=NOW, by=ops)
    assert [row.name for row in Calendar.objects.filter(is_default=True)] == ["Other"]
    with pytest.raises(ValidationError, match="must be the default"):
        calendars.change_calendar(other, is_default=False, at=NOW, by=ops)
    with pytest.raises(ValidationError, match="at least one weekday"):
        calendars.change_calendar(other, week=[None] * 7, at=NOW, by=ops)
    with pytest.raises(ValidationError, match="not known"):
        calendars.change_calendar(other, country="DE", part="XX", at=NOW, by=ops)
