"""Promises: what was promised, what became of it, and how each stood on any day that was."""

import re
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from crm.accounts.actions import change_account
from crm.audit.models import AuditRow
from crm.imports.actions.book import Book
from crm.imports.rules import Row
from crm.promises import actions, rules
from crm.promises.models import Promise, PromiseChange
from crm.promises.queries import history, mine, promises_on
from retention.agenda.queries import PROMISES, agenda
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 18, 16, 0, tzinfo=UTC)  # in Seoul it is 01:00 on the 19th
TODAY = date(2026, 11, 18)
DAY = timedelta(days=1)


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team(), time_zone="UTC")


def promised(of: Any, by: Any, text: str = "A report", at: datetime = NOW, **more: Any) -> Promise:
    given: dict[str, Any] = {"due_on": TODAY + 7 * DAY, "promised_by": by, **more}
    return actions.make_promise(of, text=text, at=at, by=by, **given)


def test_it_is_due_kept_and_overdue_by_the_days_of_the_account(mina):
    seoul, berlin = (factories.account(owner=mina, time_zone=zone) for zone in ("Asia/Seoul", "Europe/Berlin"))
    there, here = (promised(of, mina, due_on=TODAY, made_on=TODAY) for of in (seoul, berlin))
    found = agenda(mina, day=TODAY, at=NOW, mine=True, waiting=False)
    (row,) = found.rows
    assert (row.account_id, row.section, row.promise, row.promised_for) == (seoul.pk, PROMISES, "A report", TODAY)
    assert (found.promises, row.urgency, row.influence) == (1, 100, 100)
    kept = [actions.keep_promise(one, at=NOW, by=mina) for one in (there, here)]
    assert [one.settled_on for one in kept] == [date(2026, 11, 19), TODAY]
    stood = promises_on(TODAY + DAY)
    assert [(stood[one.pk].state, stood[one.pk].late) for one in kept] == [("kept", 1), ("kept", 0)]
    assert agenda(mina, day=TODAY, at=NOW, mine=True, waiting=False).rows == []


def test_who_promised_is_reminded_even_where_somebody_else_owns_the_account(mina):
    owner, other = (factories.user("rep", team=mina.team) for _ in range(2))
    of = factories.account(owner=owner)
    promised(of, owner, due_on=TODAY - DAY, made_on=TODAY - 2 * DAY, promised_by=mina)
    waiting = [agenda(one, day=TODAY, at=NOW, mine=True, waiting=False).promises for one in (owner, mina, other)]
    assert waiting == [1, 1, 0]
    assert [mine(one).count() for one in (owner, mina, other)] == [1, 1, 0]


def test_every_past_day_is_what_it_was_then(mina):
    """Made on the 2nd for the 6th, moved on the 8th to the 12th, kept on the 13th, opened again on the 16th."""
    of = factories.account(owner=mina, time_zone="UTC")
    at = [datetime(2026, 11, day, 9, tzinfo=UTC) for day in (2, 8, 13, 16)]
    row = promised(of, mina, at=at[0], due_on=date(2026, 11, 6))
    actions.move_promise(row, due_on=date(2026, 11, 12), why="The vendor is late", at=at[1], by=mina)
    actions.keep_promise(row, at=at[2], by=mina)
    actions.reopen_promise(row, at=at[3], by=mina)
    expected = {
        1: None, 2: ("open", 6, 0), 6: ("open", 6, 0), 7: ("overdue", 6, 1), 8: ("open", 12, 0), 12: ("open", 12, 0),
        13: ("kept", 12, 1), 15: ("kept", 12, 1), 16: ("overdue", 12, 4),
    }  # fmt: skip

    def stood(day: int, known: datetime | None = None) -> Any:
        held = promises_on(date(2026, 11, day), known=known, accounts=[of.pk]).get(row.pk)
        return held and (held.state, held.due_on.day, held.late)

    assert {day: stood(day) for day in expected} == expected
    # As far as was known on the 12th, the 13th was overdue.
    assert stood(13, known=datetime(2026, 11, 12, 9, tzinfo=UTC)) == ("overdue", 12, 1)
    # That it was kept on the 17th is noted on the 19th: on the 18th it was still seen to be overdue.
    actions.keep_promise(row, on=date(2026, 11, 17), at=datetime(2026, 11, 19, 9, tzinfo=UTC), by=mina)
    late = promised(of, mina, "A call", at=datetime(2026, 11, 19, 9, tzinfo=UTC), made_on=date(2026, 11, 3))
    then = {day: promises_on(date(2026, 11, day), stood=True) for day in (2, 3, 18, 19)}
    assert {day: (held[row.pk].state, held[row.pk].hindsight) for day, held in then.items()} == {
        2: ("open", False), 3: ("open", False), 18: ("overdue", False), 19: ("kept", False),
    }  # fmt: skip
    assert [(day, then[day][late.pk].hindsight) for day in then if late.pk in then[day]] == [
        (3, True), (18, True), (19, False),
    ]  # fmt: skip
    assert stood(18) == ("kept", 12, 5)
    actions.reopen_promise(row, at=datetime(2026, 11, 20, 9, tzinfo=UTC), by=mina)
    row.refresh_from_db()
    assert (row.state, row.due_on, row.settled_on) == ("open", date(2026, 11, 12), None)
    page = client_of(mina).get(reverse("account-promises", args=[of.pk]), {"day": "2026-11-07"}).content.decode()
    assert "was due" in page
    assert "as they stood on 7 Nov 2026" in page
    assert page.count("learned later") == 1
    assert re.findall("(Promised|Kept) (\\d+ Nov)[^<]*, noted (\\d+ Nov)", page) == [
        ("Promised", "3 Nov", "19 Nov"), ("Kept", "17 Nov", "19 Nov"),
    ]  # fmt: skip


def test_the_statement_says_what_the_rule_says(mina):
    random, of = Random(7), factories.account(owner=mina)
    start = date(2026, 10, 1)
    for n in range(40):
        row = Promise.objects.create(account=of, text=f"P{n}", due_on=start, created_at=NOW)
        on, due = start + random.randrange(10) * DAY, start + random.randrange(5, 30) * DAY
        kinds = [rules.MADE, *random.choices(list(rules.AFTER)[1:], k=random.randrange(5))]
        for kind in kinds:
            due = due + random.randrange(9) * DAY if kind == rules.MOVED else due
            PromiseChange.objects.create(account=of, promise=row, kind=kind, on=on, due_on=due, recorded_at=NOW)
            on += random.randrange(4) * DAY
    rows = Promise.objects.system("test").all()
    told = {row.pk: history(row) for row in rows}
    for day in (start + n * DAY for n in range(0, 50, 3)):
        by_rule = {pk: one for pk, turns in told.items() if (one := rules.standing(turns, day))}
        by_rows = {
            pk: rules.Standing(held.state, held.since, held.due_on, held.late) for pk, held in promises_on(day).items()
        }
        assert by_rows == by_rule


def test_who_moves_west_is_still_kept_a_promise(mina):
    """Promised when it was the 19th in Seoul; an hour later the account is in Berlin, where it is the 18th."""
    of = factories.account(owner=mina, time_zone="Asia/Seoul")
    row = promised(of, mina)
    change_account(of, time_zone="Europe/Berlin", at=NOW, by=mina)
    actions.move_promise(row, due_on=TODAY + 9 * DAY, why="They moved", at=NOW + timedelta(hours=1), by=mina)
    assert actions.keep_promise(row, at=NOW + timedelta(hours=2), by=mina).settled_on == date(2026, 11, 19)
    assert promises_on(TODAY + DAY)[row.pk].state == "kept"


def test_a_file_appends_turns_in_the_order_of_their_days(mina):
    """A promise repeats its newest turn whatever a file says: moved on the 12th to the 20th by hand."""
    of = factories.account(owner=mina, time_zone="UTC")
    at = datetime(2026, 11, 12, 9, tzinfo=UTC)
    rows = [promised(of, mina, f"P{n}", at=at, external_id=f"p{n}", made_on=date(2026, 11, 1)) for n in range(4)]
    for row in rows:
        actions.move_promise(row, due_on=date(2026, 11, 20), why="They asked", at=at, by=mina)
    says = {"account": of.external_id, "made_on": date(2026, 11, 1), "promised_by": None, "why": "", "email": ""}
    told = [
        {"due_on": date(2026, 11, 10), "state": "kept", "settled_on": date(2026, 11, 9)},  # before it was moved
        {"due_on": date(2026, 11, 24), "state": "kept", "settled_on": date(2026, 11, 15)},  # moved and kept at once
        {"due_on": date(2026, 11, 24), "state": "open", "settled_on": None},
        {"due_on": date(2026, 11, 20), "state": "broken", "settled_on": date(2026, 11, 12)},
    ]
    lines = [Row(n, [], says | one | {"external_id": f"p{n}", "text": f"P{n}"}, "") for n, one in enumerate(told)]
    taken = Book("promises", at=NOW)(lines)
    assert (taken.updated, [refused.line for refused in taken.refused]) == (3, [0])
    assert "2026-11-09, but changed on 2026-11-12" in str(taken.refused[0].reason.format())
    stood = promises_on(TODAY)
    for row in rows:
        row.refresh_from_db()
        assert (row.state, row.due_on) == (stood[row.pk].state, stood[row.pk].due_on)
    assert [row.state for row in rows] == ["open", "kept", "open", "broken"]
    assert [row.due_on.day for row in rows] == [20, 24, 24, 20]
    assert promises_on(date(2026, 11, 14))[rows[1].pk].due_on == date(2026, 11, 20)


def test_what_is_refused(mina):
    of, other = factories.account(owner=mina, time_zone="UTC"), factories.account(owner=mina)
    stranger = factories.contact(other)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("text", {"text": " "}),
        ("due_on", {"due_on": TODAY - DAY}),
        ("due_on", {"due_on": date(2200, 1, 1)}),
        ("made_on", {"made_on": TODAY + DAY, "due_on": TODAY + 2 * DAY}),
        ("contact", {"contact": stranger}),
        ("promised_by", {"promised_by": factories.user("rep")}),
    ]
    for field, given in wrong:
        with pytest.raises(ValidationError) as refused:
            promised(of, mina, **given)
        assert list(refused.value.message_dict) == [field]
    row = promised(of, mina, external_id="p-1")
    with pytest.raises(ValidationError, match="this id already"):
        promised(of, mina, external_id="p-1")
    untimely: list[tuple[Any, dict[str, Any], str]] = [
        (actions.keep_promise, {"on": TODAY + DAY}, "not come yet"),
        (actions.keep_promise, {"on": TODAY - DAY}, "last changed on 2026-11-18"),
        (actions.break_promise, {"why": " "}, "Say why"),
        (actions.move_promise, {"due_on": TODAY - DAY, "why": "x"}, "today or a later day"),
        (actions.move_promise, {"due_on": row.due_on, "why": "x"}, "on this day already"),
        (actions.reopen_promise, {}, "open already"),
    ]
    for turn, given, words in untimely:
        with pytest.raises(ValidationError, match=words):
            turn(row, **given, at=NOW, by=mina)
    actions.withdraw_promise(row, why="They changed their mind", at=NOW, by=mina)
    with pytest.raises(ValidationError, match="settled already"):
        actions.break_promise(row, why="x", at=NOW, by=mina)
    with pytest.raises(PermissionDenied):
        actions.reopen_promise(row, at=NOW, by=factories.user("rep"))
    assert [audit.action for audit in AuditRow.objects.order_by("pk")] == ["promise.made", "promise.withdrawn"]
    assert "changed their mind" not in str(AuditRow.objects.values())


@pytest.mark.parametrize("times", [1, 3])
def test_the_lists_say_who_promised_what_to_whom_in_constant_queries(mina, times, django_assert_num_queries):
    of = factories.account("Nordwind", owner=mina)
    lena = factories.contact(of, name="Lena Vogt")
    for n in range(times):
        promised(of, mina, f"Report {n}", contact=lena, made_on=TODAY - 9 * DAY, due_on=TODAY - DAY)
    client = client_of(mina)
    with time_machine.travel(NOW, tick=False):
        for url, queries in [(reverse("promises"), 3), (reverse("account-promises", args=[of.pk]), 5)]:
            with django_assert_num_queries(queries):
                page = client.get(url).content.decode()
            assert page.count("Mina Kwon to Lena Vogt") == times
            assert page.count("was due 17 Nov") == times
        masked = client_of(factories.user("read_only", team=mina.team)).get(reverse("promises"), {"whose": "all"})
    assert "Mina Kwon to L••• V•••" in masked.content.decode()


def test_kept_with_one_press_and_taken_back_with_another(mina):
    row = promised(factories.account(owner=mina), mina)
    client = client_of(mina)
    for name, state, said in [("promise-keep", "kept", "Kept: A report"), ("promise-reopen", "open", "is open again")]:
        answer = client.post(reverse(name, args=[row.pk]), {"next": reverse("promises")}, follow=True)
        row.refresh_from_db()
        assert (row.state, said in answer.content.decode()) == (state, True)


def test_the_list_goes_on_where_a_page_ends(mina):
    of = factories.account(owner=mina)
    Promise.objects.bulk_create(
        [Promise(account=of, text=f"No {n:03}.", due_on=TODAY + (n // 3) * DAY, created_at=NOW) for n in range(103)]
    )
    client, seen = client_of(mina), []
    query: dict[str, str] = {}
    while True:
        context = client.get(reverse("promises"), query).context
        seen += [line.text for line in context["lines"]]
        if not context["next"]:
            break
        query = {"after": context["next"]}
    assert seen == [f"No {n:03}." for n in range(103)]
