"""The ravenstack folder in: what can be taken is, every contradiction is counted by kind, and no row is lost."""

import csv
import io
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from shutil import copytree

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum
from django.urls import reverse

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.backups.queries import digests, tables
from crm.conversations.models import Conversation
from crm.imports.models import ImportFinding, ImportRefusal, ImportRun
from crm.imports.rules.ravenstack import FILES, FINDINGS, Folder
from crm.sources.actions import create_source
from crm.subscriptions.models import SubscriptionChange
from crm.usage.models import UsageDay
from tests import factories

EXCERPT = Path(__file__).parents[2] / "data/ravenstack"
WHOLE = Path(__file__).parents[4] / "shared/data/ravenstack"


def folder(at: Path) -> Folder:
    return Folder({name: list(csv.DictReader((at / f"ravenstack_{name}.csv").open())) for name in FILES})


@pytest.mark.django_db
def test_the_folder_comes_in_with_all_that_contradicts_itself(as_user, ops, tmp_path) -> None:
    """One ticket more than in the excerpt was closed at one, and first answered at 2:17, as one of the whole folder."""
    account = next(csv.DictReader((EXCERPT / "ravenstack_accounts.csv").open()))["account_id"]
    copytree(EXCERPT, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "ravenstack_support_tickets.csv").open("a") as tickets:
        tickets.write(f"T-odd,{account},2024-12-04,2024-12-04 01:00:00,1.0,low,137,5.0,False\n")
    out = io.StringIO()
    with suppress(SystemExit):  # some rows are refused, with their reasons
        call_command("import_file", "ravenstack", str(tmp_path), stdout=out, skip_checks=True)
    runs = {run.kind: run for run in ImportRun.objects.order_by("pk")}
    assert (Account.objects.system("t").count(), runs["subscriptions"].read, runs["events"].read) == (12, 124, 150)
    refused = ImportRefusal.objects.count()
    assert SubscriptionChange.objects.system("t").count() + refused == 124
    assert sum(UsageDay.objects.values_list("uses", flat=True)) == runs["events"].created == 150
    assert (Conversation.objects.system("t").count(), runs["conversations"].read) == (43, 43)
    odd = Conversation.objects.system("t").get(external_id="T-odd")
    assert (odd.closed_at.hour, odd.answered_at.hour, odd.answered_at.minute, odd.state) == (1, 2, 17, "closed")
    found = Counter(found.code for found in folder(tmp_path).findings())
    assert (found["churn_event"], found["resolved_before_answer"]) == (15, 1) and found["used_before_term"] > 50
    assert Counter(ImportFinding.objects.values_list("code", flat=True)) == found
    assert "contradictions, all kept at" in out.getvalue()
    client = as_user(ops)
    page = client.get(reverse("import", args=[runs["subscriptions"].pk]) + "?finding=churn_event").content.decode()
    row = next(csv.DictReader((EXCERPT / "ravenstack_churn_events.csv").open()))
    assert all(cell in page for cell in (row["churn_event_id"], row["account_id"], row["churn_date"]))
    page = client.get(reverse("import", args=[runs["conversations"].pk]) + "?finding=resolved_before_answer")
    assert "T-odd" in page.content.decode() and "2024-12-04 01:00:00 &lt; 2024-12-04 02:17:00" in page.content.decode()


# What says what became of the files, and what says when a source was last heard and who is to be judged anew.
RECORD = {"crm_auditrow", "crm_importrun", "crm_importeffect", "crm_importrefusal", "crm_importfinding"}
RECORD |= {"crm_source", "crm_seenmonth", "crm_dirtyaccount"}
NOT_HERE = pytest.mark.skipif(not WHOLE.is_dir(), reason="The folder ../shared/data/ravenstack is not here.")
BY_HAND = pytest.mark.skipif(not os.environ.get("RAVENSTACK"), reason="`make ravenstack` takes the whole folder.")


@pytest.mark.parametrize(
    ("at", "accounts", "tickets", "found"),
    [(EXCERPT, 12, 42, 285), pytest.param(WHOLE, 500, 2_000, 35_940, marks=[pytest.mark.shared, NOT_HERE, BY_HAND])],
    ids=["excerpt", "whole"],
)
@pytest.mark.django_db(transaction=True)
def test_the_folder_is_taken_back_as_one_to_the_last_byte(at: Path, accounts: int, tickets: int, found: int) -> None:
    """One of its accounts is here already, and so is the source under which imports count."""
    known = next(csv.DictReader((at / "ravenstack_accounts.csv").open()))["account_id"]
    factories.contact(factories.account("Before", external_id=known, customer_since=None), name="Lena")
    create_source(name="Import", at=factories.NOW, by=System("test"))
    Account.objects.system("test").filter(external_id=known).update(next_step="Call them")
    names = [name for name in tables() if name not in RECORD]
    before = digests(names)
    with suppress(SystemExit):
        call_command("import_file", "ravenstack", str(at), stdout=io.StringIO(), skip_checks=True)
    runs = {run.kind: run for run in ImportRun.objects.order_by("pk")}
    assert Account.objects.system("test").count() == accounts
    assert Conversation.objects.system("test").count() == runs["conversations"].read == tickets
    assert UsageDay.objects.aggregate(uses=Sum("uses"))["uses"] == runs["events"].created == runs["events"].read
    assert ImportFinding.objects.count() == found
    Account.objects.system("test").filter(external_id=known).update(next_step="Call them again")
    out = io.StringIO()
    call_command("undo_import", str(runs["plans"].pk), stdout=out, skip_checks=True)
    assert out.getvalue().count("undone, everything is as it was before") == 5
    # What somebody wrote beside what the import set stays theirs.
    assert Account.objects.system("test").filter(next_step="Call them again").update(next_step="Call them") == 1
    now = digests(names)
    assert {name for name in names if now[name] != before[name]} == set()
    assert AuditRow.objects.filter(action="import.undone").count() == 5
    with pytest.raises(CommandError, match="cannot be undone"):
        call_command("undo_import", str(runs["accounts"].pk), skip_checks=True)


@pytest.mark.shared
@NOT_HERE
def test_all_of_it_holds_35_940_contradictions() -> None:
    """Counted once more by hand, with other code."""
    found = Counter(found.code for found in folder(WHOLE).findings())
    assert found == {
        "used_before_term": 19142, "used_before_signup": 13198, "churn_event": 600, "paid_past_churn": 545,
        "used_after_term": 292, "event_without_churn": 277, "churned_but_paying": 110, "trial_but_paying": 97,
        "churned_without_event": 35, "seats_differ": 27, "plan_differs": 24, "up_and_down": 23, "id_twice": 21,
        "ends_before_start": 13, "churned_again": 423, "resolved_before_answer": 36, "asked_before_signup": 1077,
    }  # fmt: skip
    assert set(found) <= set(FINDINGS)
