"""What happens in each app is told, once, in the transaction of what caused it, and names nobody."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from crm.accounts.actions import set_stage
from crm.audit.rules import Respondent, System
from crm.subscriptions.actions import derive_stages, end_subscription
from crm.webhooks import rules
from crm.webhooks.actions import create_endpoint
from crm.webhooks.models import WebhookEvent
from feedback.answers.actions import give_answer
from retention.risk_signals.actions import look
from retention.risk_signals.models import RiskSignal
from retention.scores.actions import _tell_of_bands
from retention.scores.models import Band, ScoreNow
from tests import factories
from tests.feedback import people
from tests.retention import chain

pytestmark = pytest.mark.django_db
BY, NOW, TODAY = System("pipeline"), chain.NOW, chain.TODAY


@pytest.fixture(autouse=True)
def listening() -> None:
    admin = factories.user("system_admin")
    create_endpoint(url="https://hooks.example.com/", events=rules.EVENTS, at=NOW, by=admin)


def told() -> list[tuple[str, Any]]:
    return list(WebhookEvent.objects.order_by("pk").values_list("kind", "data"))


def test_an_answer_is_told_and_the_signal_that_it_opens() -> None:
    contact = factories.contact(factories.account(), name="Lena Vogt", email="lena@acme.example")
    survey = people.survey(factories.user("ops_admin"), sender=factories.user("rep"), name="Relationship")
    invited = people.invitation(survey, contact, created_at=NOW - timedelta(days=1), expires_at=NOW + timedelta(days=9))
    for _ in range(2):
        answer = give_answer(invited, score=3, comment="Lena says no.", at=NOW, by=Respondent(invited.pk))
        look(at=NOW, by=BY)
    account = contact.account_id
    signal = RiskSignal.objects.system("test").get()
    assert told() == [
        ("survey.answered", {"answer": answer.pk, "invitation": invited.pk, "account": account, "score": 3}),
        ("signal.opened", {"signal": signal.pk, "account": account, "kind": "detractor", "score": 3}),
    ]


def test_an_account_that_leaves_is_told_once_by_its_subscriptions_or_by_hand() -> None:
    ops = factories.user("ops_admin")
    paid, free = factories.account(external_id="paid"), factories.account(external_id="free")
    line = factories.subscription(paid).subscription
    end_subscription(line, on=TODAY, at=NOW, by=ops)
    for _ in range(2):
        derive_stages(TODAY, at=NOW, by=BY)
    set_stage(free, stage="churned", at=NOW, by=ops)
    day = TODAY.isoformat()
    assert told() == [
        ("account.churned", {"account": paid.pk, "external_id": "paid", "churned_on": day}),
        ("account.churned", {"account": free.pk, "external_id": "free", "churned_on": NOW.date().isoformat()}),
    ]


def test_a_band_that_changes_is_told_with_the_points_before_and_now() -> None:
    fell, stayed = factories.account(external_id="fell"), factories.account(external_id="stayed")
    chain.version()
    chain.stands(fell, 720, 720)
    chain.stands(stayed, 720, 720)
    ScoreNow.objects.system("test").update(band=Band.STEADY)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE verdict ON COMMIT DROP AS SELECT * FROM retention_score_now")
        cursor.execute("UPDATE verdict SET points = 382, band = %s WHERE account_id = %s", [Band.LEAVING, fell.pk])
        cursor.execute("UPDATE verdict SET points = 719 WHERE account_id = %s", [stayed.pk])
    _tell_of_bands(TODAY, at=NOW, by=BY)
    ((kind, data),) = told()
    assert (kind, data["external_id"], data["day"]) == ("account.health_changed", "fell", TODAY.isoformat())
    assert (data["before"]["points"], data["now"]) == (72.0, {"band": "leaving", "points": 38.2})
