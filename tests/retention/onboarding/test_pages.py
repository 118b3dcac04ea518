"""Pages of onboarding: the list, the steps, an account's milestones, plans as a form; and its files."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from crm.accounts.models import Account
from crm.subscriptions.actions import end_subscription
from retention.onboarding import actions
from retention.onboarding.actions import Asked, Terms
from retention.onboarding.models import Milestone, MilestoneReach, OnboardingPlan, OnboardingVersion
from retention.onboarding.queries import paths
from tests import factories
from tests.crm.uploads.door import counts, go, reasons, tried
from tests.retention.onboarding.test_onboarding import BY, START, at, four_steps, lead, on, planned, used

pytestmark = pytest.mark.django_db
__all__ = ["lead"]  # the fixture


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team(), time_zone="UTC")


@pytest.mark.parametrize("times", [1, 3])
def test_pages_ask_as_often_for_three_accounts_as_for_one(lead, mina, client, times, django_assert_num_queries):
    accounts = [factories.account(f"Nord {n}", customer_since=START, owner=mina) for n in range(times)]
    factories.account("Elsewhere", customer_since=START)
    planned(four_steps(lead))
    for account in accounts:
        used(account, lead, on(2), 12)
    actions.follow(at(10), at=at(10), by=BY)
    client.force_login(mina)
    with time_machine.travel(at(10), tick=False):
        with django_assert_num_queries(5):
            page = client.get(reverse("onboardings")).content.decode()
        assert page.count("Behind, 8 days late") == times and "Elsewhere" not in page
        assert f"{times} behind" in page and page.count("2 of 4") == times
        with django_assert_num_queries(8):
            page = client.get(reverse("onboarding-steps")).content.decode()
        assert page.count(f"{times} of {times}") == 2 and "half by day 2" in page
        with django_assert_num_queries(6):
            page = client.get(reverse("account-onboarding", args=[accounts[0].pk])).content.decode()
        assert page.count("Reached today") == 1 and "first value after 2 days" in page
        past = client.get(reverse("account-onboarding", args=[accounts[0].pk]), {"day": on(9).isoformat()})
        # A day that has not come is shown as today, the last one of the calendar too.
        ahead = client.get(reverse("account-onboarding", args=[accounts[0].pk]), {"day": "9999-12-31"})
        assert ahead.context["asked"] == on(10)
        assert "No onboarding was known on that day." in past.content.decode()  # all of it was recorded later
        page = client.get(reverse("account", args=[accounts[0].pk])).content.decode()
        assert "2 of 4 milestones reached" in page and "Next: Kickoff held" in page
        assert page.count("Reached: First lead") == 1
        # One button says it, and the toast takes it back.
        kickoff = Milestone.objects.get(name="Kickoff held")
        reach, back = (
            reverse(name, args=[accounts[0].pk, kickoff.pk]) for name in ("milestone-reach", "milestone-take-back")
        )
        assert "3 of 4 milestones reached" in client.post(reach, follow=True).content.decode()
        assert "It was reached already." in client.post(reach, follow=True).content.decode()
        assert "2 of 4 milestones reached" in client.post(back, follow=True).content.decode()


def test_the_list_goes_on_behind_its_page_and_stuck_ones_come_first(lead, mina, client, monkeypatch):
    monkeypatch.setattr("retention.onboarding.views.PAGE", 2)
    monkeypatch.setattr(
        "retention.onboarding.queries.going.__kwdefaults__", {"plan": None, "mine": False, "after": None, "limit": 2}
    )
    planned(four_steps(lead))
    for days in (0, 5, 10, 12, 14):
        factories.account(f"Since {days}", customer_since=on(days), owner=mina)
    actions.follow(at(16), at=at(16), by=BY)
    client.force_login(mina)
    seen, after = [], ""
    with time_machine.travel(at(16), tick=False):
        for _page in range(4):
            answer = client.get(reverse("onboardings"), {"after": after} if after else {})
            seen += [(row.name, row.state, row.late) for row in answer.context["rows"]]
            after = answer.context["next"]
            if not after:
                break
    assert seen == [
        ("Since 0", "stuck", 14), ("Since 5", "behind", 9), ("Since 10", "behind", 4), ("Since 12", "behind", 2),
        ("Since 14", "on_track", 0),
    ]  # fmt: skip


def test_where_accounts_stop_and_who_leaves_with_and_without_a_step(lead, ops, client, monkeypatch):
    """Forty began; ten reached the first lead on day 4 and one of them left on day 100, of the others half did."""
    terms = Terms(
        START, 60, 14, [Asked("First lead", "first_use", 7, lead.feature, is_value=True), Asked("Call", "hand", 30)]
    )
    plan = planned(terms)
    for n in range(40):
        account = factories.account(customer_since=START)
        line = factories.subscription(account, effective_on=START).subscription
        if n < 10:
            used(account, lead, on(4), 1)
        if n == 0 or n >= 25:
            end_subscription(line, on=on(100), at=at(100), by=BY)
    actions.follow(at(300), at=at(300), by=BY)
    whole, first, call = paths(ops, plan, day=on(300), reach=on(300))
    assert (whole.began, whole.reached, first.reached, call.reached, first.tenths) == (40, 0, 10, 0, 250)
    assert first.stopped == {"over": 30} and call.stopped == {"over": 10}
    assert (first.curve.steps[0].at, first.curve.steps[0].share, first.curve.median) == (4, 0.75, None)
    leaving = first.leaving
    assert (leaving.left_with, leaving.with_it, leaving.left_without, leaving.without) == (1, 10, 15, 30)
    assert leaving.is_enough and not call.leaving.is_enough
    assert leaving.is_told
    # Left within 180 days of the day by which it was due is not known before that has passed.
    assert paths(ops, plan, day=on(186), reach=on(300))[1].leaving.with_it == 0
    assert paths(ops, plan, day=on(300), reach=on(187))[1].leaving.with_it == 10
    with time_machine.travel(at(300), tick=False):
        client.force_login(ops)
        page = client.get(reverse("onboarding-steps")).content.decode().replace("\u00a0", " ")
    assert "with it 1 of 10" in page and "without 15 of 30" in page and "fewer than half reach it" in page
    assert "not enough data: 0 with it, 40 without" in page and "are counted" not in page
    # Of more accounts than need to be asked, one of so many is: of 40 with a sample of 15 every third by its id.
    monkeypatch.setattr("retention.onboarding.queries.SAMPLE", 15)
    thirds = sum(pk % 3 == 0 for pk in Account.objects.system("test").values_list("pk", flat=True))
    with time_machine.travel(at(300), tick=False):
        response = client.get(reverse("onboarding-steps"))
    assert response.context["whole"].began == thirds in (13, 14)
    assert f"{thirds} accounts are counted, one of 3 that began" in response.content.decode()


def test_a_plan_is_made_and_changed_by_its_form(lead, ops, client):
    client.force_login(ops)
    rows = {
        "step-0-name": "Kickoff", "step-0-kind": "hand", "step-0-expected_days": "3",
        "step-1-name": "Leads in use", "step-1-kind": "meaningful", "step-1-feature": lead.feature.pk,
        "step-1-expected_days": "20", "step-1-is_value": "on",
        "step-2-name": "", "step-2-kind": "people", "step-2-expected_days": "",
    }  # fmt: skip
    given = {
        "name": "Standard", "starts_from": START.isoformat(), "lasts_days": "60", "stuck_days": "14",
        "step-TOTAL_FORMS": "3", "step-INITIAL_FORMS": "0", **rows,
    }  # fmt: skip
    with time_machine.travel(at(5), tick=False):
        wrong = client.post(reverse("onboarding-plan-new"), given | {"step-0-expected_days": "90"})
        assert "is expected after the onboarding is over" in wrong.content.decode()
        assert client.post(reverse("onboarding-plan-new"), given).status_code == 302
        page = client.get(reverse("onboarding-plans")).content.decode()
        assert "Leads: 4 uses within 28 days" in page and "within 20 days" in page
        plan = OnboardingPlan.objects.get()
        edit = reverse("onboarding-plan-edit", args=[plan.pk])
        keys = list(Milestone.objects.order_by("position").values_list("key", flat=True))
        assert keys == ["kickoff", "leads-in-use"]
        held = given | {f"step-{n}-key": key for n, key in enumerate(keys)} | {"step-1-amount": "4"}
        client.post(edit, held)
        assert OnboardingVersion.objects.count() == 1  # nothing of it would change
        client.post(edit, held | {"step-0-name": "Kickoff held", "starts_from": on(5).isoformat(), "step-1-name": ""})
        version = OnboardingVersion.objects.get(number=2)
        assert list(Milestone.objects.filter(version=version).values_list("key", "name")) == [
            ("kickoff", "Kickoff held")
        ]
        client.post(reverse("onboarding-plan-switch", args=[plan.pk]))
        assert "takes no more accounts" in client.get(reverse("onboarding-plans")).content.decode()


def test_milestones_said_by_hand_come_from_a_file_and_are_taken_back(lead, ops, client):
    factories.account("Alpha", external_id="a", customer_since=START)
    factories.account("Beta", external_id="b", customer_since=START - timedelta(days=9))
    planned(four_steps(lead))
    actions.follow(at(10), at=at(10), by=BY)
    client.force_login(ops)
    text = f"account,milestone,reached_on\na,kickoff HELD,{on(2)}\na,First lead,{on(2)}\nb,Kickoff held,{on(2)}\n"
    made = tried(client, "milestones", text)
    assert (counts(made), MilestoneReach.objects.system("test").count()) == (("checked", 1, 0, 0, 2), 0)
    assert [line for line, _reason in reasons(made)] == [3, 4]
    made = go(client, made, "apply")
    assert [row.on for row in MilestoneReach.objects.system("test")] == [on(2)]
    again = tried(client, "milestones", f"account,milestone,reached_on\na,Kickoff held,{on(2)}\n")
    assert counts(again) == ("checked", 0, 0, 1, 0)
    file = b"".join(client.post(reverse("export", args=["milestones"]), {"as": "csv"}).streaming_content).decode()
    assert file.splitlines()[1].startswith(f"a,Kickoff held,{on(2)}")
    assert go(client, made, "undo").run.left == 0
    assert not MilestoneReach.objects.system("test").exists()
