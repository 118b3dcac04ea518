"""A newcomer's afternoon: an accounts file, monthly totals, three outcomes, and forty accounts have a score."""

import pytest
from django.urls import reverse

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.plans.models import Feature
from crm.usage.models import UsageDay
from retention import pipeline
from retention.scorecards.models import ScorecardMeasure
from retention.scores.models import ScoreNow
from tests.crm.uploads import door
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def test_three_steps_lead_from_nothing_to_a_score_for_each_account(as_user, ops) -> None:
    client = as_user(ops)
    assert client.get("/").url == reverse("begin")
    page = client.get(reverse("begin")).content.decode()
    assert ("Bring a file of accounts" in page, "First bring what they use" in page) == (True, True)
    accounts = "id,name,customer since\n" + "".join(f"a{n},Account {n},2025-01-15\n" for n in range(40))
    first = door.go(client, door.tried(client, "accounts", accounts), "apply")
    onward = f'<a class="button primary" href="{reverse("begin")}">Go on with the next step</a>'
    assert onward in client.get(reverse("upload", args=[first.pk])).content.decode()
    assert client.get("/").url == reverse("today")
    # Account n uses Reports n times in October, and half as often in November; nobody uses Exports but a39.
    totals = "account,month,feature,uses\na39,2026-11,Exports,9\n"
    totals += "".join(f"a{n},2026-10,Reports,{n}\na{n},2026-11,Reports,{n // 2}\n" for n in range(40))
    made = door.go(client, door.tried(client, "totals", totals), "apply")
    assert door.counts(made) == ("applied", 81, 0, 0, 0)
    assert sum(UsageDay.objects.values_list("uses", flat=True)) == 9 + sum(n + n // 2 for n in range(40))
    page = client.get(reverse("begin")).content.decode()
    assert ("Reports" in page, "Publish, and judge every account" in page) == (True, True)
    reports = Feature.objects.get(name="Reports")
    post = {"rhythm": "weekly", "size": "small", "features": [reports.pk]}
    assert (
        "Choose three, not 2."
        in client.post(reverse("begin"), post | {"outcomes": ["recency", "trend"]}).content.decode()
    )
    answer = client.post(reverse("begin"), post | {"outcomes": ["recency", "trend", "reach"]})
    assert answer.url == reverse("portfolio")
    assert onward not in client.get(reverse("upload", args=[first.pk])).content.decode()
    pipeline.run(through=NOW, at=NOW, by=System("test"))
    reports.refresh_from_db()
    assert (reports.is_key, reports.threshold) == (True, 3)
    kinds = ScorecardMeasure.objects.filter(version__number=2).order_by("position").values_list("kind", flat=True)
    assert list(kinds) == ["recency", "trend", "reach"]
    scores = dict(ScoreNow.objects.system("test").values_list("account__external_id", "points"))
    assert len(scores) == 40
    # a39 did enough and was there yesterday; a0 never was.
    assert (scores["a39"] or 0) > (scores["a4"] or 0)
    assert client.get(reverse("portfolio")).content.decode().count("Account 3") > 0
    assert Account.objects.system("test").count() == 40
