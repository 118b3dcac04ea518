"""Today: each account once, the most at stake first, ten new ones a day, and the rest counted."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from retention.follow_ups.actions import approve, dismiss
from retention.follow_ups.queries import review
from retention.risk_signals.actions import look
from retention.tasks.actions import create_task
from tests import factories
from tests.retention.pages.desk import BY, NOW, TODAY, answered, fallen, judged, signed_in

pytestmark = pytest.mark.django_db
QUERIES = 8  # and one more where an unhappy answer is quoted


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team("Europe"))


def page(client: Any, **query: Any) -> Any:
    response = client.get(reverse("today"), query)
    assert response.status_code == 200
    return response.context


def rows(context: Any) -> Any:
    return {str(title): [row["name"] for row in rows] for title, rows in context["sections"]}


def fell(owner: Any, name: Any = "", mrr: int = 0) -> Any:
    """An account whose score has fallen from 72 to 46, with its signal open."""
    account = factories.account(name, owner=owner)
    if mrr:
        factories.subscription(account, mrr)
    judged(account, 460, 720)
    return account


def test_home_is_today(mina):
    assert signed_in(mina).get("/").headers["Location"] == reverse("today")


@pytest.mark.parametrize("times", [1, 3])
def test_eight_queries_however_much_waits(times, django_assert_num_queries):
    draft = fallen()
    for _ in range(times):
        create_task(fell(draft.owner), title="Call", due_on=TODAY, at=NOW, by=draft.owner)
    look(at=NOW, by=BY)
    client = signed_in(draft.owner)
    with django_assert_num_queries(QUERIES):
        assert [len(found) for found in rows(page(client)).values()] == [1, times]


def test_an_account_stands_once_with_its_signals_folded_in():
    draft = fallen()
    create_task(draft.account, title="Call", due_on=TODAY, at=NOW, by=draft.owner)
    context = page(signed_in(draft.owner))
    assert rows(context) == {"Drafts to approve": ["Nordwind Logistics"]}
    row = context["sections"][0][1][0]
    assert row["why"] == "Health fell from 72 to 46 in 28 days. What costs most: Key features used."
    assert row["when"] == "To Lena Vogt, now (Berlin) · and 1 task · €1,240 a month"
    assert (row["action_text"], row["primary"]) == ("Read and approve", True)
    assert row["action_url"] == f"/accounts/{draft.account_id}/#next"
    assert context["facts"] == ["1 draft to approve", "1 task due", "1 signal open"]


def test_most_at_stake_comes_first(mina):
    for name, mrr in [("Small", 50), ("Unpaid", 0), ("Large", 900)]:
        fell(mina, name, mrr)
    look(at=NOW, by=BY)
    assert rows(page(signed_in(mina))) == {"Signals without a step yet": ["Large", "Small", "Unpaid"]}


def test_ten_new_ones_a_day_and_the_rest_wait_in_sight(mina):
    for n in range(12):
        fell(mina, f"Account {n:02}", mrr=100 - n)
    look(at=NOW, by=BY)
    client = signed_in(mina)
    context = page(client)
    assert rows(context) == {"Signals without a step yet": [f"Account {n:02}" for n in range(10)]}
    assert context["waiting"] == 2
    assert "2 more accounts wait" in client.get(reverse("today")).content.decode()
    context = page(client, show="all")
    assert (len(rows(context)["Signals without a step yet"]), context["waiting"]) == (12, 0)


def test_what_was_dealt_with_today_counts_among_the_ten():
    draft = fallen()
    for n in range(12):
        fell(draft.owner, mrr=100 + n)
    look(at=NOW, by=BY)
    dismiss(draft, why="Spoke today", at=NOW, by=draft.owner)
    context = page(signed_in(draft.owner))
    assert (len(rows(context)["Signals without a step yet"]), context["waiting"]) == (9, 3)


def test_a_task_due_never_waits(mina):
    for n in range(12):
        create_task(factories.account(f"Due {n:02}", owner=mina), title="Call", due_on=TODAY, at=NOW, by=mina)
    create_task(factories.account("Tomorrow", owner=mina), title="Call", due_on=TODAY + timedelta(1), at=NOW, by=mina)
    context = page(signed_in(mina))
    assert (len(rows(context)["Tasks due"]), context["waiting"]) == (12, 0)


def test_a_signal_that_somebody_acts_on_is_no_news():
    draft = fallen()
    approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    assert rows(page(signed_in(draft.owner))) == {}


def test_a_rep_sees_the_own_ones_first_and_the_teams_on_request(mina):
    fell(factories.user("rep", team=mina.team), "Colleague's")
    fell(mina, "Own")
    look(at=NOW, by=BY)
    client = signed_in(mina)
    assert rows(page(client)) == {"Signals without a step yet": ["Own"]}
    assert rows(page(client, whose="all")) == {"Signals without a step yet": ["Colleague's", "Own"]}


def test_nobody_sees_another_teams(mina):
    fell(mina, "Foreign")
    look(at=NOW, by=BY)
    stranger = signed_in(factories.user("manager", team=factories.team()))
    assert rows(page(stranger, whose="all", show="all")) == {}


def test_an_unhappy_answer_stands_first_in_the_customers_words(mina):
    account = fell(mina, "Nordwind")
    factories.contact(account, name="Lena Vogt")
    answered(account, 3, "Too slow")
    look(at=NOW, by=BY)
    context = page(signed_in(mina))
    assert rows(context) == {"Unhappy answers to reply to": ["Nordwind"]}
    assert context["sections"][0][1][0]["why"] == "Lena Vogt answered 3 of 10: “Too slow”"
    masked = page(signed_in(factories.user("read_only", team=mina.team)))
    assert masked["sections"][0][1][0]["why"] == "L••• V••• answered 3 of 10: “Too slow”"


def test_snoozed_signals_wait_for_their_day(mina):
    from retention.risk_signals.models import RiskSignal

    fell(mina)
    look(at=NOW, by=BY)
    rows_of = RiskSignal.objects.system("test")
    rows_of.update(snoozed_until=TODAY + timedelta(days=1))
    assert rows(page(signed_in(mina))) == {}
    rows_of.update(snoozed_until=TODAY)
    assert len(rows(page(signed_in(mina)))) == 1


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
