"""Whatever is sent to the API is answered below 500 and as described, and what was accepted can be listed and opened.

1,000 calls in the suite, the same ones every time; `make fuzz` sends 10,000 others (FUZZ_CASES, FUZZ_SEED).
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from math import ceil
from typing import Any

import hypothesis
import pytest
import schemathesis
import time_machine
from django.apps import apps
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from crm.accounts.models import Account
from crm.api.reference import schema
from crm.wsgi import application
from tests.company import NOW, company
from tests.crm.api.coming_in import Program, key_for

pytestmark = pytest.mark.django_db
CASES, SEED = int(os.environ.get("FUZZ_CASES", "1000")), int(os.environ.get("FUZZ_SEED", "1"))
# Mostly what the description allows, for nothing else comes far; then what it does not.
SHARES = {GenerationMode.POSITIVE: 0.7, GenerationMode.NEGATIVE: 0.3}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Which model's rows the fields and nouns name, so that most calls meet rows that exist.
NAMED = {
    "account": "crm.Account", "parent": "crm.Account", "contact": "crm.Contact", "plan": "crm.Plan",
    "owner": "crm.User",
    "pool": "crm.Team", "assignee": "crm.User", "accounts": "crm.Account", "contacts": "crm.Contact",
    "plans": "crm.Plan", "features": "crm.Feature", "subscriptions": "crm.Subscription", "segments": "crm.Segment",
    "traits": "crm.TraitDefinition", "tag-renames": "crm.TagRename", "tasks": "retention.Task",
    "signals": "retention.RiskSignal", "scores": "crm.Account", "consents": "crm.Consent", "events": "crm.EventName",
    "users": "crm.User", "teams": "crm.Team", "record": "crm.AuditRow", "imports": "crm.ImportRun",
    "subscription-changes": "crm.SubscriptionChange", "scorecards": "retention.Scorecard",
    "scorecard-versions": "retention.ScorecardVersion", "scorecard-measures": "retention.ScorecardMeasure",
    "pulses": "retention.Pulse", "overrides": "retention.Override",
    "features-not-needed": "retention.NotNeeded",
    "forecasts": "retention.Forecast", "playbooks": "retention.Playbook", "playbook-steps": "retention.Step",
    "plays": "retention.Play", "play-steps": "retention.PlayStep", "follow-ups": "retention.FollowUp",
    "outcomes": "retention.Outcome", "surveys": "feedback.Survey", "waves": "feedback.Wave",
    "invitations": "feedback.Invitation", "answers": "feedback.Answer", "subscription": "crm.Subscription",
    "promises": "crm.Promise", "promise-changes": "crm.PromiseChange", "promise": "crm.Promise",
    "promised_by": "crm.User", "responder": "crm.User", "conversations": "crm.Conversation",
    "conversation-entries": "crm.Entry", "conversation": "crm.Conversation",
    "payments": "crm.Payment", "onboarding-plans": "retention.OnboardingPlan", "version": "retention.OnboardingVersion",
    "onboarding-versions": "retention.OnboardingVersion", "milestones": "retention.Milestone",
    "onboardings": "retention.Onboarding", "milestone-reaches": "retention.MilestoneReach",
    "milestone": "retention.Milestone",
    "calendars": "crm.Calendar", "calendar": "crm.Calendar",
    "calendar-days": "crm.CalendarDay", "response-targets": "crm.ResponseTarget", "captured-mails": "crm.CapturedMail",
    "goals": "crm.Goal", "goal-changes": "crm.GoalChange", "goal": "crm.Goal", "feature": "crm.Feature",
    "trait": "crm.TraitDefinition",
}  # fmt: skip


class Sender:
    """Sends cases with a key of every scope, and remembers what came of them."""

    def __init__(self, secret: str) -> None:
        self.headers = {"Authorization": f"Bearer {secret}", "Accept-Encoding": "identity"}
        self.chosen = random.Random(SEED)
        self.statuses: Counter[int] = Counter()

    def __call__(self, case: "Case[Any]") -> None:
        noun = case.path.removeprefix("/api/v1/").partition("/")[0]
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self.some(noun, case.path_parameters["id"])
        for named in (case.body, case.query):
            if isinstance(named, dict):
                named |= {name: self.some(name, value) for name, value in named.items() if name in NAMED}
        case.headers.update(self.headers)  # whoever has no key is asked elsewhere
        response = case.call(headers=self.headers)
        self.statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    def some(self, name: str, otherwise: Any) -> Any:
        if name not in NAMED or self.chosen.random() < 0.2:
            return otherwise
        ids = apps.get_model(NAMED[name])._base_manager.order_by("-pk").values_list("pk", flat=True)[:20]
        return self.chosen.choice(list(ids) or [otherwise])


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests begin and end without closing the connection, on which the test's transaction is open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("one_connection")
@pytest.mark.timeout(3_600)
@time_machine.travel(NOW, tick=False)
def test_whatever_is_sent_is_answered_as_described(settings: Any, client: Client) -> None:
    settings.API_CALLS_PER_MINUTE = 10**9
    made = company()
    secret = key_for(made.users["O"], by=made.users["S"], at=NOW)[1]
    described = schemathesis.openapi.from_dict(schema())
    described.app = application
    operations = [found.ok() for found in described.get_all_operations()]
    sender, each = Sender(secret), CASES / len(operations)
    wrong: list[str] = []
    for operation in operations:
        for mode, share in SHARES.items():
            try:
                send(operation.as_strategy(generation_mode=mode), sender, ceil(each * share))
            except FailureGroup as found:
                wrong.append(f"{operation.label}: {[str(each)[:400] for each in found.exceptions]}")
    assert "\n".join(wrong) == ""
    print(f"\n{sum(sender.statuses.values())} calls: {dict(sorted(sender.statuses.items()))}")
    assert sum(sender.statuses.values()) >= CASES * 0.9
    assert sender.statuses[200] + sender.statuses[201] > CASES / 5
    everything_opens(Program(secret), client, made.users["O"])


def send(cases: Any, sender: Sender, each: int) -> None:
    """At least `each` of the cases, the same ones for the same seed."""
    settings = hypothesis.settings(
        max_examples=each,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(SEED)(settings(hypothesis.given(cases)(sender.__call__)))()


def everything_opens(program: Program, client: Client, ops: Any) -> None:
    """Each list to its end, each row of it, the pages of the accounts that came of it, and the export."""
    for address, calls in schema()["paths"].items():
        needs = [each["name"] for each in calls.get("get", {}).get("parameters", []) if each.get("required")]
        if "get" not in calls or "{" in address or needs:
            continue
        following = f"{address}?limit=200"
        while following:
            page = program.get(following).json()
            following = page["next"]
            if f"{address}/{{id}}" in schema()["paths"]:
                for row in page["results"][:5]:
                    opened = program.get(f"{address}/{row.get('id', row.get('account'))}")
                    assert opened.status_code == 200, (address, row)
    client.force_login(ops)
    for name in ("portfolio", "today", "segments", "traits", "tags", "plans", "features", "audit", "renewals"):
        assert (name, client.get(reverse(name)).status_code) == (name, 200)
    for pk in Account.objects.system("test").filter(merged_into=None).order_by("-pk").values_list("pk", flat=True)[:4]:
        for name in ("account", "contacts", "subscriptions", "account-record"):
            assert (name, pk, client.get(reverse(name, args=[pk])).status_code) == (name, pk, 200)
    exported = b"".join(client.post(reverse("export", args=["portfolio"])))
    assert exported.count(b"\n") > 5
