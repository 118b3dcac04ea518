"""An import that was judged for a night is undone: nothing of it is left but what is never edited."""

from datetime import timedelta

import pytest
from django.urls import reverse

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.backups.queries import digests, tables
from crm.imports.models import ImportEffect
from retention import pipeline
from retention.scores.models import HealthScore, ScoreNow, ScoreReading
from retention.tasks.models import Task
from tests import factories
from tests.crm.uploads.door import go, tried
from tests.retention.chain import NOW

BY = System("test")
# What says what was done and when; the score that stands is written anew each night.
RECORD = {"crm_auditrow", "crm_fill", "crm_importeffect", "crm_importrun", "crm_rememberedcolumns", "crm_seenmonth"}
RECORD |= {"crm_source", "crm_upload", "crm_uploadrow", "retention_standing"}
RECORD |= {"retention_score_now", "retention_score_reading"}


@pytest.mark.django_db
def test_accounts_that_were_scored_go_and_the_ledger_keeps_what_it_said(as_user, ops) -> None:
    """Two accounts and 17 days of use are there for a night; somebody makes a task on a third meanwhile."""
    pipeline.ensure_defaults(at=NOW - timedelta(days=300), by=BY)
    first = factories.account("Before", external_id="before")
    client = as_user(ops)
    pipeline.run(through=NOW, at=NOW, by=BY)
    names = [name for name in tables() if name not in RECORD]
    before = digests(names)
    text = "id,name,customer_since\na,A,2026-01-01\nb,B,2026-01-01\nc,C,2026-01-01\n"
    accounts = go(client, tried(client, "accounts", text), "apply")
    lines = "account,user,at,event\n" + "".join(f"a,u1,2026-11-{day:02},login\n" for day in range(1, 18))
    usage = go(client, tried(client, "events", lines), "apply")
    pipeline.run(through=NOW + timedelta(days=1), at=NOW + timedelta(days=1), by=BY)
    held = Account.objects.system("test").get(external_id="c")
    task = Task.objects.create(account=held, title="Call", due_on=NOW.date(), created_at=NOW)
    said = set(HealthScore.objects.system("test").values_list("account", "day", "points"))
    assert len({account for account, *_rest in said}) == 4
    assert go(client, usage, "undo").run.left == 0
    assert go(client, accounts, "undo").run.left == 1
    words = "Something has been added to it since (task). Undo or remove that first."
    assert list(ImportEffect.objects.exclude(left="").values_list("after__name", "left")) == [("C", words)]
    assert words in client.get(reverse("upload", args=[accounts.pk])).content.decode()
    assert set(HealthScore.objects.system("test").values_list("account", "day", "points")) == said
    for judged in (ScoreNow, ScoreReading):
        assert set(judged.objects.system("test").values_list("account", flat=True)) == {first.pk, held.pk}
    task.delete()
    held.delete()
    now = digests(names)
    assert {name for name in names if now[name] != before[name]} == {"retention_health_score"}
