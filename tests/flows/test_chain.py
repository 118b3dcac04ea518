"""The whole chain through its real doors: events, a mail over real SMTP, an outcome; a survey, an answer, a task.

The clock travels; every step goes through HTTP or through a door that the queue knocks at. It runs twice: once in
peace, once while the queue's table is emptied at random, which must change nothing.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from random import Random
from threading import Event, Thread

import pytest
import time_machine
from django.db import close_old_connections, connection
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from crm import jobs as crm_jobs
from crm.accounts.actions import change_owner
from crm.accounts.models import Account
from crm.audit.rules import System
from crm.contacts.models import Contact
from crm.outbox.models import OutboundMail
from crm.plans.models import Feature
from crm.sources.actions import create_source, create_write_key
from crm.staff.models import User
from crm.subscriptions.actions import Terms, open_subscription
from crm.usage.actions import map_events
from feedback.answers.models import Answer
from feedback.invitations.actions import open_wave
from feedback.surveys.actions import create_survey
from retention import jobs as retention_jobs
from retention.follow_ups.models import FollowUp
from retention.outcomes.models import Outcome
from retention.risk_signals.models import RiskSignal
from retention.scores.models import ScoreNow
from retention.tasks.models import Task
from tests import factories
from tests.crm.outbox.sink import Sink, running

BY = System("test")
BASELINE, FALL, LOW, BACK = date(2026, 7, 1), date(2026, 10, 14), date(2026, 11, 11), date(2026, 11, 20)
PEOPLE = ("lena", "tobias", "greta", "emil")


@pytest.fixture(params=["the queue is kept", "the queue is emptied at random"])
def queue(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    if request.param == "the queue is kept":
        yield
        return
    stop, random = Event(), Random(7)

    def empty() -> None:
        while not stop.wait(random.random() / 5):
            OrmQ.objects.all().delete()
        connection.close()

    thread = Thread(target=empty)
    thread.start()
    yield
    stop.set()
    thread.join()


@contextmanager
def at(day: date, hour: int = 9, minute: int = 0) -> Iterator[datetime]:
    now = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        close_old_connections()
        yield now


def days(first: date, last: date) -> Iterator[date]:
    """Working days from `first` to the day before `last`."""
    for n in range((last - first).days):
        if (day := first + timedelta(n)).weekday() < 5:
            yield day


def track(person: str, day: date, n: int) -> dict[str, object]:
    return {
        "type": "track",
        "messageId": f"{person}-{day}-{n}",
        "userId": person,
        "event": "Trip Planned",
        "timestamp": f"{day}T{8 + n:02}:00:00Z",
    }


def use(people: tuple[str, ...], first: date, last: date, times: int) -> list[dict[str, object]]:
    return [track(person, day, n) for day in days(first, last) for person in people for n in range(times)]


def introductions() -> list[dict[str, object]]:
    """Lena is named with her address; everybody's account is known only through the group call."""
    since = {"timestamp": "2026-06-30T08:00:00Z"}
    group = {"groupId": "nordwind", "traits": {"name": "Nordwind Logistics"}}
    calls: list[dict[str, object]] = [
        {"type": "group", "messageId": f"group-{person}", "userId": person, **group, **since} for person in PEOPLE
    ]
    traits = {"name": "Lena Vogt", "email": "lena@nordwind.example"}
    return [*calls, {"type": "identify", "messageId": "identify-lena", "userId": "lena", "traits": traits, **since}]


def send(key: str, calls: list[dict[str, object]]) -> None:
    headers = {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}
    for start in range(0, len(calls), 500):
        body = json.dumps({"batch": calls[start : start + 500], "sentAt": datetime.now(UTC).isoformat()})
        assert Client(headers=headers).post("/v1/batch", body, content_type="application/json").status_code == 200


def work() -> None:
    """What the worker does in a minute: drain, pipeline, mail, pipeline."""
    crm_jobs.drain()
    retention_jobs.nightly()
    retention_jobs.run_pipeline()
    crm_jobs.send()
    retention_jobs.run_pipeline()


def house() -> tuple[str, User]:
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH", currency="EUR")
    mina = factories.user("rep", name="Mina Kwon", team=factories.team("Europe"), email="mina@fleetline.example")
    feature = factories.feature("trips", name="Trip planning", unit="trips", is_key=True, threshold=50)
    map_events({"Trip Planned": (feature, True, "")}, at=datetime.now(UTC), by=BY)
    _, key = create_write_key(create_source(name="App", at=datetime.now(UTC), by=BY), at=datetime.now(UTC), by=BY)
    return key, mina


def contract(mina: User) -> Account:
    account = Account.objects.system("test").get(external_id="nordwind")
    plan = factories.plan(*Feature.objects.all(), name="Team")
    terms = Terms(date(2025, 3, 1), Decimal(1200), 12, "EUR", plan=plan, seats=5)
    open_subscription(account, external_id="main", terms=terms, at=datetime.now(UTC), by=BY)
    change_owner(account, owner=mina, at=datetime.now(UTC), by=BY)
    return account


def test_from_usage_to_an_outcome_and_from_an_answer_to_a_task(queue, settings, client):
    with running(Sink()) as sink:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{sink.port}"
        with at(date(2026, 7, 1), 7):
            key, mina = house()
            send(key, introductions())
            crm_jobs.drain()
            account = contract(mina)

        with at(FALL, 7):
            send(key, use(PEOPLE, BASELINE, FALL, 6))
            work()
        before = ScoreNow.objects.system("test").get(account=account)
        assert before.points == 1000  # 1 of 1 key features, and 4 of 5 seats, which is above green

        with at(LOW, 7):
            send(key, use(PEOPLE[:1], FALL, LOW, 1))
            work()
        now = ScoreNow.objects.system("test").get(account=account)
        assert (now.points_before, now.points) == (1000, 0)  # 20 uses are below 50; 1 of 5 seats is red
        signals = RiskSignal.objects.system("test").order_by("kind").values_list("kind", flat=True)
        assert list(signals) == ["band_red", "score_drop"]

        with at(LOW, 9, 30):
            approve_as(mina, client)
            work()
        assert "1 of 5 seats in use" in mail_to("lena@nordwind.example", sink.taken)
        assert "Mina Kwon" in mail_to("lena@nordwind.example", sink.taken)

        with at(BACK, 9):
            send(key, use(PEOPLE, LOW, BACK, 6))
            work()
        outcome = Outcome.objects.system("test").get()
        assert (outcome.kind, outcome.on, outcome.account_id) == ("saved", BACK, account.pk)

        ask(mina, account, sink, client)


def approve_as(mina: User, client: Client) -> None:
    draft = FollowUp.objects.system("test").get()
    client.force_login(mina)
    page = client.get(reverse("draft", args=[draft.pk])).content.decode()
    displayed = re.search(r'name="displayed" value="([0-9a-f]{64})"', page)
    assert displayed is not None
    answer = client.post(reverse("draft-approve", args=[draft.pk]), {"displayed": displayed.group(1)})
    assert answer.status_code == 302
    assert OutboundMail.objects.system("test").get().approved_by == mina


def mail_to(address: str, taken: list[tuple[str, bytes]]) -> str:
    (body,) = [data for to, data in taken if to == address]
    message = message_from_bytes(body, policy=policy.default)
    text = message.get_body(preferencelist=("plain",))
    assert text is not None
    return f"{message['Subject']}\n{text.get_content()}"


def ask(mina: User, account: Account, sink: Sink, client: Client) -> None:
    """Ask a second person, who is unhappy; the answer is a task for the owner within one run."""
    with at(BACK, 9, 5) as now:
        factories.contact(account, name="Tobias Ernst", email="tobias@nordwind.example", role="decision_maker")
        Contact.objects.system("test").filter(name="Lena Vogt").update(left_on=BACK)
        survey = create_survey(name="Relationship", sender=mina, at=now, by=BY)
        open_wave(survey, target=5, at=now, by=factories.user("ops_admin"))
        work()
    link = re.search(r"/s/[^/\s?]+/", mail_to("tobias@nordwind.example", sink.taken))
    assert link is not None
    with at(BACK, 10):
        customer = Client()
        assert customer.get(link.group() + "?score=3").status_code == 200
        assert not Answer.objects.system("test").exists()
        assert customer.post(link.group(), {"score": 3, "comment": "Exports fail.", "send": "1"}).status_code == 303
        retention_jobs.run_pipeline()
        task = Task.objects.system("test").get(risk_signal__kind="detractor")
        client.force_login(mina)
        assert client.post(reverse("task-done", args=[task.pk])).status_code == 302
    assert RiskSignal.objects.system("test").get(kind="detractor").closed_why == "the customer was answered"
