"""The account page: what it says, in at most twelve queries, to whoever may see the account."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from crm.accounts.models import OwnerChange
from crm.conversations.actions import receive
from crm.subscriptions.models import SubscriptionChange
from crm.templatetags.ui import KINDS_OF_LINE
from retention.follow_ups.actions import approve, dismiss
from retention.follow_ups.queries import review
from retention.outcomes.models import Outcome
from retention.tasks.actions import create_task, dismiss_task, finish_task
from tests import factories
from tests.retention.chain import owned, person
from tests.retention.pages.desk import NOW, TODAY, answered, fallen, judged, signed_in

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12  # with a draft; with a task two less, and three less where nothing waits


@pytest.fixture
def draft() -> Any:
    return fallen()


def shown(client: Any, account: Any) -> Any:
    response = client.get(reverse("account", args=[account.pk]))
    assert response.status_code == 200
    return response


def text(response: Any) -> str:
    body = response.content.decode()
    body = body[body.index("<main") : body.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def busy(draft: Any, times: int) -> None:
    """More of everything that the page lists."""
    for n in range(times):
        contact = factories.contact(draft.account, name=f"Colleague {n}")
        somebody = person(f"colleague-{n}")
        somebody.contact = contact
        somebody.save()
        create_task(draft.account, title=f"Task {n}", due_on=TODAY, at=NOW, by=draft.owner)
        OwnerChange.objects.create(account=draft.account, owner=draft.owner, from_at=NOW - timedelta(days=n + 1))
        factories.subscription(draft.account, 10)
        receive(draft.account, channel="ticket", text="Hello?", contact=contact, at=NOW, by=draft.owner)


@pytest.mark.parametrize("times", [1, 3])
def test_twelve_queries_show_everything_with_a_draft(draft, times, django_assert_num_queries):
    busy(draft, times)
    client = signed_in(draft.owner)
    with django_assert_num_queries(MOST_QUERIES):
        shown(client, draft.account)


@pytest.mark.parametrize("times", [1, 3])
def test_ten_queries_show_everything_without_a_draft(draft, times, django_assert_num_queries):
    busy(draft, times)
    dismiss(draft, why="Spoke today", at=NOW, by=draft.owner)
    client = signed_in(draft.owner)
    with django_assert_num_queries(MOST_QUERIES - 2):
        context = shown(client, draft.account).context
    assert (context["step"].task.title, len(context["tasks"])) == ("Task 0", times)


def test_nine_queries_show_an_account_on_which_nothing_waits(draft, django_assert_num_queries):
    dismiss(draft, why="Spoke today", at=NOW, by=draft.owner)
    client = signed_in(draft.owner)
    with django_assert_num_queries(MOST_QUERIES - 3):
        assert (context := shown(client, draft.account).context)["step"].task is None
    assert context["due"] == ""


def test_it_says_how_why_what_for_and_what_next(draft):
    page = text(shown(signed_in(draft.owner), draft.account))
    for words in [
        "Nordwind Logistics",
        "Team plan, 25 seats",
        "€1,240 a month",
        "renews 11 Feb 2027, in 85 days",
        "customer since 1 Jan 2025",
        "46 At risk −26 in 28 days",
        "80 trips Trip planning in 28 days, 600 in the 28 before",
        "€15.50 is what each of these trips cost them",
        "1 paid, unused Carrier portal",
        "Play “They get less than they pay for”, step 1 of 2. Goal: use back to four fifths of what it was by 9 Dec.",
        "1 of your 25 seats were in use over the last four weeks, against 2 in the four weeks before.",
        "Approve, send now",
        "Lena has had no mail from us this month; 3 are left.",
        "Score fell 18 Nov, 09:00 open Health fell from 72 to 46 in 28 days.",
        "Subscribed at €1,240 a month 1 Jan 2025 Team, 25 seats",
    ]:
        assert words in page


def test_the_next_step_stands_before_the_reasons_in_reading_order(draft):
    page = shown(signed_in(draft.owner), draft.account).content.decode()
    places = [
        page.index(words) for words in (">Health<", ">Next step<", ">People<", ">What they get for what they pay<")
    ]
    assert places == sorted(places)


def test_a_read_only_person_sees_no_contact_data_and_no_button(draft):
    page = text(shown(signed_in(factories.user("read_only", team=draft.owner.team)), draft.account))
    assert "L••• V•••" in page
    assert [word for word in ("Lena", "Vogt", "Approve", "Add task", "Pin a next step") if word in page] == []
    assert "A draft to this customer waits for its owner." in page


def test_a_colleague_reads_the_draft_but_may_not_decide(draft):
    page = text(shown(signed_in(factories.user("rep", team=draft.owner.team)), draft.account))
    assert "Mina Kwon approves this draft." in page
    assert [word for word in ("Approve, send", "Not now", "Add task") if word in page] == []


def test_an_account_that_one_does_not_see_is_not_there(draft):
    stranger = signed_in(factories.user("rep", team=factories.team()))
    for name in ("account", "account-history", "task-new"):
        assert stranger.get(reverse(name, args=[draft.account_id])).status_code == 404
    assert stranger.get(reverse("account", args=[10**15])).status_code == 404


def test_an_account_nobody_has_judged_says_so():
    account, owner, _contact = owned()
    page = text(shown(signed_in(owner), account))
    assert "Never judged yet." in page
    assert "No use in the last eight weeks, and no plan is paid." in page
    assert "No draft or task waits. Choose one step and pin it" in page


def test_an_unknown_score_is_a_dash_and_not_a_zero():
    account, owner, _contact = owned()
    judged(account, None)
    assert "Health" in (page := text(shown(signed_in(owner), account)))
    assert "0 Unknown" not in page


def test_without_a_draft_the_next_task_comes_first_then_the_pinned_step(draft):
    create_task(draft.account, title="Later", due_on=TODAY + timedelta(days=3), at=NOW, by=draft.owner)
    create_task(draft.account, title="Sooner", due_on=TODAY, at=NOW, by=draft.owner)
    dismiss(draft, why="Spoke today", at=NOW, by=draft.owner)
    draft.account.next_step, draft.account.next_step_on = "Ask about the new dispatchers", TODAY
    draft.account.save()
    response = shown(signed_in(draft.owner), draft.account)
    assert response.context["step"].task.title == "Sooner"
    assert [task["title"] for task in response.context["tasks"]] == ["Sooner", "Later"]
    assert response.context["due"] == "due today"
    assert "Ask about the new dispatchers" in text(response)


def test_the_mail_that_was_approved_stands_in_the_story(draft):
    approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    page = text(shown(signed_in(draft.owner), draft.account))
    assert "1 of 25 seats in use 18 Nov, 09:00 Approved, waiting for its time to Lena Vogt" in page


def test_who_left_and_which_play_began_mark_the_curve(draft):
    factories.contact(draft.account, name="Jonas Reuter", role="champion", left_on=TODAY - timedelta(days=47))
    events = shown(signed_in(draft.owner), draft.account).context["events"]
    assert events == [(TODAY, "play began, 18 Nov"), (TODAY - timedelta(days=47), "Jonas Reuter left, 2 Oct")]


def test_every_kind_of_event_has_its_sentence(draft):
    owner, account = draft.owner, draft.account
    play = draft.play_step.play
    Outcome.objects.create(
        account=account,
        play=play,
        kind="saved",
        on=TODAY,
        recorded_at=NOW,
        evidence={"now": 9, "start": 4, "before": 10},
    )
    finish_task(create_task(account, title="Call", due_on=TODAY, at=NOW, by=owner), at=NOW, by=owner)
    dismiss_task(create_task(account, title="Write", due_on=TODAY, at=NOW, by=owner), why="Met her", at=NOW, by=owner)
    create_task(account, title="Visit", due_on=TODAY, assignee=owner, at=NOW, by=owner)
    OwnerChange.objects.create(account=account, owner=owner, from_at=NOW)
    factories.contact(account, name="Jonas Reuter", role="champion", left_on=TODAY)
    factories.subscription(account, 30, effective_on=TODAY, ends_on=TODAY)
    answered(account, 9, "They answer quickly")
    dismiss(draft, why="Spoke today", at=NOW, by=owner)
    lines = shown(signed_in(owner), account).context["lines"]
    assert {(line.who, line.text, line.state, line.comment) for line in lines} == {
        ("Score fell", "Health fell from 72 to 46 in 28 days. What costs most: Key features used.", "open", ""),
        ("Play “They get less than they pay for” began", "", "running", ""),
        ("Call", "", "done", ""),
        ("Write", "Met her", "put aside", ""),
        ("Visit", "Mina Kwon", "due 18 Nov", ""),
        ("1 of 25 seats in use", "Spoke today", "Not now", ""),
        ("Use returned", "Use returned: 9 uses in a week, 4 when the play began, 10 before the fall.", "", ""),
        ("Mina Kwon looks after the account", "", "", ""),
        ("Jonas Reuter left", "Champion", "", ""),
        ("The subscription ended", "", "", ""),
        ("Subscribed at €1,240 a month", "Team, 25 seats", "", ""),
        ("Lena Vogt answered 9 of 10", "", "", "They answer quickly"),
    }
    assert {line.icon for line in lines} <= set(KINDS_OF_LINE)


def test_a_changed_price_is_told_beside_the_one_before_and_a_kept_one_once(draft):
    line = SubscriptionChange.objects.system("test").get(account=draft.account)
    for seats, on, price in ((25, TODAY - timedelta(days=1), 1240), (20, TODAY, 980)):
        SubscriptionChange.objects.create(
            account=draft.account, subscription=line.subscription, plan=line.plan, seats=seats, effective_on=on,
            price=price, mrr=price, currency="EUR", recorded_at=NOW,
        )  # fmt: skip
    page = text(shown(signed_in(draft.owner), draft.account))
    assert "€980 a month, €1,240 before 18 Nov Team, 20 seats" in page
    assert "€1,240 a month, as before 17 Nov Team, 25 seats" in page


def test_what_happened_to_a_merged_account_belongs_to_the_one_that_stayed(draft):
    other = factories.account("Took over", owner=draft.owner)
    draft.account.merged_into = other
    draft.account.save()
    page = text(shown(signed_in(draft.owner), other))
    assert "€1,240 a month" in page
    assert "Lena Vogt" in page
    assert "Score fell" in page
    merged = text(shown(signed_in(draft.owner), draft.account))
    assert "Merged into another account , which shows everything of both." in merged


def test_a_gone_account_says_when_it_left():
    account, owner, _contact = owned(stage="churned")
    factories.subscription(account, 100, ends_on=TODAY - timedelta(days=10))
    assert "left 8 Nov" in text(shown(signed_in(owner), account))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "🙂" * 60, "\u05d0\u05d1\u05d2 Ltd", "a" * 255])
def test_an_odd_name_is_text(name):
    account, owner, _contact = owned()
    account.name = name
    account.save()
    page = shown(signed_in(owner), account).content.decode()
    assert "<script>alert" not in page
    assert name.replace("<", "&lt;").replace(">", "&gt;") in page


def test_a_price_without_a_rate_is_said(draft):
    factories.subscription(draft.account, 10, currency="KRW")
    assert "no exchange rate for the price" in text(shown(signed_in(draft.owner), draft.account))
