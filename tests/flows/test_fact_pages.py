"""Pages of facts ask as often whatever there is to show: each by how many it takes for a little, and for more of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.accounts.actions import define_trait, set_trait
from crm.audit.rules import System
from crm.calendars.actions import create_calendar, set_day
from crm.calendars.models import Calendar
from crm.conversations import actions as conversations
from crm.conversations.models import Conversation
from crm.goals.actions import drop_goal, set_goal
from crm.promises import actions as promises
from crm.staff.models import User
from crm.subscriptions.actions import record_payment
from retention.onboarding.actions import Asked, Terms, begin, reach, set_plan
from retention.onboarding.models import Milestone
from retention.pulses.actions import record_pulse
from tests import factories
from tests.retention.chain import NOW, TODAY

pytestmark = pytest.mark.django_db
BY = System("test")
DAY = timedelta(days=1)


def happens(of: Any, n: int) -> None:
    """One more of each fact, said and done by somebody new, to somebody new, about something new."""
    who = factories.user("ops_admin", name=f"Person {n}")
    by: dict[str, Any] = {"at": NOW - DAY, "by": BY}
    lena = factories.contact(of, name=f"Lena {n}")
    for channel in ("mail", "mention"):
        talk = conversations.receive(of, channel=channel, text="Hello?", contact=lena, **by)
        conversations.assign(talk, responder=who, **by)
        conversations.answer(talk, text="Yes.", at=NOW - DAY, by=who)
        conversations.hear(talk, text="And this?", **by)
        conversations.log(of, channel=channel, contact=lena, at=NOW - DAY, by=who)
    first = Conversation.objects.system("test").order_by("pk")[0]
    conversations.answer(first, text="Yes, yes.", at=NOW, by=who)
    conversations.hear(first, text="And that?", at=NOW, by=BY)
    made: dict[str, Any] = {"contact": lena, "promised_by": who, "due_on": TODAY + n * DAY, "made_on": TODAY - 9 * DAY}
    kept, _open = (promises.make_promise(of, text=f"No {n}", **made, **by) for _each in range(2))
    promises.keep_promise(kept, at=NOW, by=who)
    rooms = define_trait(key=f"rooms{n}", label=f"Rooms {n}", type="number", unit="rooms", **by)
    set_trait(of, rooms, Decimal(n), **by)
    measures: list[dict[str, Any]] = [{"trait": rooms}, {"feature": factories.feature(f"feature{n}")}]
    for shown in measures:
        goal = set_goal(of, words=f"Goal {n}", target=Decimal(999), due_on=TODAY + 40 * DAY, **shown, **by)
    drop_goal(goal, why="They no longer want it", at=NOW, by=who)
    line = factories.subscription(of, plan=factories.plan(name=f"Plan {n}")).subscription
    record_payment(line, kind="failed", on=TODAY - DAY, currency="EUR", amount=Decimal(n), **by)
    conversations.set_target(channel="mail", plan=line.plan, minutes=60, **by)
    record_pulse(of, value=n % 5 + 1, reason="So it is", at=NOW, by=who)
    calendar = create_calendar(name=f"Calendar {n}", **by)
    for each in (calendar, Calendar.objects.get(is_default=True)):
        set_day(each, day=TODAY + n * DAY, name="Works outing", free=True, **by)
    newcomer = factories.account(f"New {n}", owner=who, customer_since=TODAY - 20 * DAY)
    steps = [Asked(f"Kickoff {n}", "hand", 3), Asked(f"Training {n}", "hand", 9)]
    plan = set_plan(name=f"Way {n}", plans=[], terms=Terms(TODAY - 90 * DAY, 60, 14, steps), **by)
    for account in (newcomer, of):
        begin(account, plan=plan, started_on=TODAY - 20 * DAY, **by)
        reach(account, Milestone.objects.get(name=f"Kickoff {n}"), on=TODAY - 10 * DAY, at=NOW - DAY, by=who)


@time_machine.travel(NOW, tick=False)
def test_pages_of_facts_ask_as_often_for_three_of_each_as_for_one() -> None:
    of, looks = factories.account("Nordwind", owner=factories.user("rep")), factories.user("ops_admin")
    happens(of, 1)
    counts = [asked(of, looks)]
    for n in (2, 3):
        happens(of, n)
    counts.append(asked(of, looks))
    assert counts[0] == counts[1]
    assert max(counts[0].values()) <= 20


def asked(of: Any, looks: User) -> dict[str, int]:
    """How many queries each page takes, by its address."""
    client, found = Client(), {}
    client.force_login(looks)
    pages = ["conversations", "promises", "onboardings", "onboarding-steps", "onboarding-plans", "response-targets"]
    pages += ["calendars"]
    own = [
        "account",
        "account-conversations",
        "account-promises",
        "account-goals",
        "account-onboarding",
        "subscriptions",
    ]
    addresses = [reverse(name) for name in pages] + [reverse(name, args=[of.pk]) for name in own]
    addresses += [f"{reverse(name)}?whose=all" for name in pages[:3]] + [f"{reverse('promises')}?whose=all&settled=1"]
    addresses += [f"{reverse('conversations')}?whose=all&channel=mention"]
    addresses += [f"{reverse(name, args=[of.pk])}?day={TODAY - DAY}" for name in own[2:5]]
    addresses += [reverse("conversation", args=[Conversation.objects.system("test").order_by("pk")[0].pk])]
    addresses += [reverse("calendar-edit", args=[Calendar.objects.get(is_default=True).pk])]
    for address in addresses:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(address).status_code == 200, address
        found[address] = len(caught)
    return found
