"""The ravenstack folder in: what can be taken is, every contradiction is counted by kind, and no row is lost."""

import csv
import io
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse

from crm.accounts.models import Account
from crm.imports.models import ImportFinding, ImportRefusal, ImportRun
from crm.imports.rules.ravenstack import FILES, FINDINGS, Folder
from crm.subscriptions.models import SubscriptionChange
from crm.usage.models import UsageDay

EXCERPT = Path(__file__).parents[2] / "data/ravenstack"
WHOLE = Path(__file__).parents[4] / "shared/data/ravenstack"


def folder(at: Path) -> Folder:
    return Folder({name: list(csv.DictReader((at / f"ravenstack_{name}.csv").open())) for name in FILES})


@pytest.mark.django_db
def test_the_folder_comes_in_with_all_that_contradicts_itself(as_user, ops) -> None:
    out = io.StringIO()
    with suppress(SystemExit):  # some rows are refused, with their reasons
        call_command("import_file", "ravenstack", str(EXCERPT), stdout=out, skip_checks=True)
    runs = {run.kind: run for run in ImportRun.objects.order_by("pk")}
    assert (Account.objects.system("t").count(), runs["subscriptions"].read, runs["events"].read) == (12, 124, 150)
    refused = ImportRefusal.objects.count()
    assert SubscriptionChange.objects.system("t").count() + refused == 124
    assert sum(UsageDay.objects.values_list("uses", flat=True)) == runs["events"].created == 150
    found = Counter(found.code for found in folder(EXCERPT).findings())
    assert found["churn_event"] == 15 and found["used_before_term"] > 50
    assert Counter(ImportFinding.objects.values_list("code", flat=True)) == found
    assert "contradictions, all kept at" in out.getvalue()
    client = as_user(ops)
    page = client.get(reverse("import", args=[runs["subscriptions"].pk]) + "?finding=churn_event").content.decode()
    row = next(csv.DictReader((EXCERPT / "ravenstack_churn_events.csv").open()))
    assert all(cell in page for cell in (row["churn_event_id"], row["account_id"], row["churn_date"]))


@pytest.mark.shared
@pytest.mark.skipif(not WHOLE.is_dir(), reason="The folder ../shared/data/ravenstack is not here.")
def test_all_of_it_holds_33_838_contradictions() -> None:
    """Counted once more by hand, with other code."""
    found = Counter(found.code for found in folder(WHOLE).findings())
    assert found == {
        "used_before_term": 19142, "used_before_signup": 13198, "churn_event": 600, "paid_past_churn": 545,
        "used_after_term": 292, "event_without_churn": 277, "churned_but_paying": 110, "trial_but_paying": 97,
        "churned_without_event": 35, "seats_differ": 27, "plan_differs": 24, "up_and_down": 23, "id_twice": 21,
        "ends_before_start": 13, "churned_again": found["churned_again"],
    }  # fmt: skip
    assert set(found) <= set(FINDINGS)
