"""Today: each account once, the most at stake first, ten new ones a day, and the rest counted."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from django.utils.translation import override

from crm.segments.actions import refresh_figures
from retention.agenda.actions import put_off
from retention.agenda.queries import Agenda, Since
from retention.follow_ups.actions import approve, dismiss
from retention.follow_ups.queries import review
from retention.pages.today import changed_words, counts, rest_words
from retention.risk_signals.actions import look
from retention.tasks.actions import create_task
from tests import factories
from tests.retention.pages.desk import BY, NOW, TODAY, answered, fallen, judged, signed_in

pytestmark = pytest.mark.django_db
QUERIES = 10  # and one more where an unhappy answer is quoted


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team("Europe"))


def page(client: Any, **query: Any) -> Any:
    response = client.get(reverse("today"), query)
    assert response.status_code == 200
    return response.context


def names(context: Any) -> list[str]:
    return [row["name"] for row in context["rows"]]


def fell(owner: Any, name: Any = "", mrr: int = 0) -> Any:
    """An account whose score has fallen from 72 to 46, with its signal open."""
    account = factories.account(name, owner=owner)
    if mrr:
        factories.subscription(account, mrr)
        refresh_figures(TODAY, accounts=[account.pk], at=NOW, by=BY)
    judged(account, 460, 720)
    return account


def test_the_lines_that_count_are_right_for_none_one_and_many():
    kept = {"promises": 0, "replies": 0, "signals": 1234, "answers": 1, "drafts": 1234, "tasks": 1}
    found = Agenda(rows=[], waiting=1233, put_off=1, acted=0, **kept)
    assert counts(found) == ["1,234 drafts to approve", "1 unhappy answer", "1 task due", "1,234 signals open"]
    assert rest_words(found) == "1,234 more accounts wait: 1,233 beyond today’s ten, 1 put off."
    alone = Agenda(rows=[], waiting=1, put_off=0, acted=0, **dict.fromkeys(kept, 0))
    assert (counts(alone), rest_words(alone)) == ([], "1 more account waits: 1 beyond today’s ten.")
    since = Since(opened=1, closed=0, sent=1234, answered=1, outcomes=1234)
    assert changed_words(since) == (
        "Since yesterday: 1 signal opened, 1,234 mails sent, 1 customer answered, 1,234 outcomes recorded."
    )
    with override("ko"):
        assert rest_words(found) == "고객사 1,234곳이 더 기다립니다: 오늘 몫 10곳을 넘긴 1,233곳, 미룬 곳 1곳."


def test_home_is_today(mina):
    assert signed_in(mina).get("/").headers["Location"] == reverse("today")


@pytest.mark.parametrize("times", [1, 3])
def test_as_many_queries_however_much_waits(times, django_assert_num_queries):
    draft = fallen()
    for _ in range(times):
        create_task(fell(draft.owner), title="Call", due_on=TODAY, at=NOW, by=draft.owner)
    look(at=NOW, by=BY)
    client = signed_in(draft.owner)
    with django_assert_num_queries(QUERIES):
        assert len(names(page(client))) == 1 + times


def test_an_account_stands_once_with_its_signals_folded_in():
    draft = fallen()
    create_task(draft.account, title="Call", due_on=TODAY, at=NOW, by=draft.owner)
    context = page(signed_in(draft.owner))
    assert names(context) == ["Nordwind Logistics"]
    row = context["rows"][0]
    assert row["why"] == "Health fell from 72 to 46 in 28 days. What costs most: Key features used."
    assert row["when"] == "To Lena Vogt, now (Berlin) · and 1 task · €1,240 a month · renews in 85 days"
    assert (row["action_text"], row["primary"]) == ("Read and approve", True)
    assert row["action_url"] == f"/accounts/{draft.account_id}/#next"
    assert row["new"]
    assert context["facts"] == ["1 new", "1 draft to approve", "1 task due", "1 signal open"]


def test_most_at_stake_comes_first(mina):
    for name, mrr in [("Small", 50), ("Unpaid", 0), ("Large", 900)]:
        fell(mina, name, mrr)
    look(at=NOW, by=BY)
    assert names(page(signed_in(mina))) == ["Large", "Small", "Unpaid"]


def test_only_where_to_begin_is_a_primary_button(mina):
    for mrr in (50, 900):
        fell(mina, mrr=mrr)
    look(at=NOW, by=BY)
    assert [bool(row.get("primary")) for row in page(signed_in(mina))["rows"]] == [True, False]


def test_ten_new_ones_a_day_and_the_rest_wait_in_sight(mina):
    for n in range(12):
        fell(mina, f"Account {n:02}", mrr=100 - n)
    look(at=NOW, by=BY)
    client = signed_in(mina)
    context = page(client)
    assert names(context) == [f"Account {n:02}" for n in range(10)]
    assert context["rest"] == "2 more accounts wait: 2 beyond today’s ten."
    context = page(client, show="waiting")
    assert names(context) == ["Account 10", "Account 11"]
    assert {row["when"].rpartition(" · ")[2] for row in context["rows"]} == {"beyond today’s ten"}


def test_what_was_dealt_with_today_keeps_its_place():
    draft = fallen()
    for n in range(12):
        fell(draft.owner, mrr=100 + n)
    look(at=NOW, by=BY)
    assert len(names(page(signed_in(draft.owner)))) == 10
    dismiss(draft, why="Spoke today", at=NOW, by=draft.owner)
    context = page(signed_in(draft.owner))
    assert (len(names(context)), context["rest"]) == (
        9,
        "4 more accounts wait: 3 beyond today’s ten, 1 that somebody acts on.",
    )


def test_what_waits_takes_the_places_that_the_next_day_leaves(mina):
    for n in range(12):
        fell(mina, f"Account {n:02}", mrr=100 - n)
    look(at=NOW, by=BY)
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        context = page(signed_in(mina))
    assert (len(names(context)), context["rest"], context["facts"][0]) == (12, "", "12 signals open")


def test_a_task_due_never_waits(mina):
    for n in range(12):
        create_task(factories.account(f"Due {n:02}", owner=mina), title="Call", due_on=TODAY, at=NOW, by=mina)
    create_task(factories.account("Tomorrow", owner=mina), title="Call", due_on=TODAY + timedelta(1), at=NOW, by=mina)
    context = page(signed_in(mina))
    assert (len(names(context)), context["rest"]) == (12, "")


def test_not_now_puts_a_row_off_for_a_reason_and_undo_brings_it_back(mina):
    account = fell(mina, "Nordwind", 100)
    look(at=NOW, by=BY)
    client = signed_in(mina)
    monday = TODAY + timedelta(days=5)
    url = reverse("account-put-off", args=[account.pk])
    assert "Enter" in client.post(url, {"why": "Holiday", "until": "soon"}).content.decode()
    assert "Choose a day after today." in client.post(url, {"why": "Holiday", "until": TODAY}).content.decode()
    body = client.post(url, {"why": "Holiday", "until": monday}, follow=True).content.decode()
    assert "Nordwind is put off until 23 Nov." in body
    assert "1 more account waits: 1 put off." in body
    (row,) = page(client, show="waiting")["rows"]
    assert row["why"] == "Put off until 23 Nov. Holiday"
    client.post(row["action_url"])
    assert names(page(client)) == ["Nordwind"]


def test_what_begins_after_a_row_was_put_off_shows_all_the_same(mina):
    account = fell(mina, "Nordwind")
    look(at=NOW, by=BY)
    put_off(account, until=TODAY + timedelta(days=9), why="Holiday", at=NOW, by=mina)
    client = signed_in(mina)
    assert names(page(client)) == []
    create_task(account, title="Call", due_on=TODAY, at=NOW + timedelta(minutes=1), by=mina)
    assert names(page(client)) == ["Nordwind"]


def test_ops_read_the_figures_behind_a_place(mina):
    fell(mina, "Nordwind", 100)
    look(at=NOW, by=BY)
    (row,) = page(signed_in(mina))["rows"]
    assert row["figures"] == ""
    (row,) = page(signed_in(factories.user("ops_admin")))["rows"]
    # The score fell, and no renewal is stated: 50 %. Nobody there is known to write to: 30 %.
    assert row["figures"] == "€1,200 a year at stake × 50\u00a0% urgent × 30\u00a0% in our hands"


def test_a_signal_that_somebody_acts_on_is_no_news():
    draft = fallen()
    approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    context = page(signed_in(draft.owner))
    assert (names(context), context["rest"]) == ([], "1 more account waits: 1 that somebody acts on.")


def test_a_rep_sees_the_own_ones_first_and_the_teams_on_request(mina):
    fell(factories.user("rep", team=mina.team), "Colleague's")
    fell(mina, "Own")
    look(at=NOW, by=BY)
    client = signed_in(mina)
    assert names(page(client)) == ["Own"]
    assert names(page(client, whose="all")) == ["Colleague's", "Own"]


def test_nobody_sees_another_teams(mina):
    fell(mina, "Foreign")
    look(at=NOW, by=BY)
    stranger = signed_in(factories.user("manager", team=factories.team()))
    assert names(page(stranger, whose="all")) == []


def test_an_unhappy_answer_stands_first_in_the_customers_words(mina):
    account = fell(mina, "Nordwind")
    factories.contact(account, name="Lena Vogt")
    answered(account, 3, "Too slow")
    look(at=NOW, by=BY)
    context = page(signed_in(mina))
    assert context["rows"][0]["why"] == "Lena Vogt answered 3 of 10: “Too slow”"
    masked = page(signed_in(factories.user("read_only", team=mina.team)))
    assert masked["rows"][0]["why"] == "L••• V••• answered 3 of 10: “Too slow”"


def test_snoozed_signals_wait_for_their_day(mina):
    from retention.risk_signals.models import RiskSignal

    fell(mina)
    look(at=NOW, by=BY)
    rows_of = RiskSignal.objects.system("test")
    rows_of.update(snoozed_until=TODAY + timedelta(days=1))
    assert names(page(signed_in(mina))) == []
    rows_of.update(snoozed_until=TODAY)
    assert len(names(page(signed_in(mina)))) == 1


def test_the_day_is_the_persons_own(mina):
    mina.time_zone = "Pacific/Auckland"
    mina.save()
    create_task(factories.account(owner=mina), title="Call", due_on=TODAY, at=NOW, by=mina)
    body = signed_in(mina).get(reverse("today")).content.decode()
    assert "Today, Wednesday 18 November" in body
    mina.time_zone = "Pacific/Honolulu"
    mina.save()
    assert "Today, Tuesday 17 November" in signed_in(mina).get(reverse("today")).content.decode()


def test_what_changed_since_yesterday_is_one_line(mina):
    fell(mina)
    client = signed_in(mina)
    assert page(client)["changed"] == "Nothing changed since yesterday."
    look(at=NOW, by=BY)
    assert page(client)["changed"] == "Since yesterday: 1 signal opened."


def test_when_nothing_waits_it_says_so_and_where_to_look(mina):
    body = signed_in(mina).get(reverse("today")).content.decode()
    assert "Nothing waits for you." in body
    assert reverse("portfolio") in body


def test_whoever_covers_finds_the_work_and_the_accounts_of_the_other_until_it_ends(mina):
    away = factories.user("rep", name="Jan Oude", team=mina.team)
    own, covered = fell(mina, "Own", 100), fell(away, "Covered", 900)
    fell(factories.user("rep", team=mina.team), "Colleague’s", 500)
    look(at=NOW, by=BY)
    client, lists = signed_in(mina), reverse("portfolio")
    assert names(page(client, whose="mine")) == ["Own"]
    factories.cover(mina, away, from_at=NOW - timedelta(days=1), until_at=NOW + timedelta(hours=1))
    shown = page(client, whose="mine")
    assert (names(shown), len(shown["cover"])) == (["Covered", "Own"], 1)
    assert {row.pk for row in client.get(lists, {"owner": "me"}).context["page"].rows} == {own.pk, covered.pk}
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        client = signed_in(mina)
        assert names(page(client, whose="mine")) == ["Own"]
        assert {row.pk for row in client.get(lists, {"owner": "me"}).context["page"].rows} == {own.pk}
