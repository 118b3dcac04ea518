"""What came by command is taken back like an upload: on its page or by command, while it is known and wanted."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from crm.accounts.models import Account, TraitDefinition
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.imports import actions
from crm.imports.actions import runs
from crm.imports.models import ImportEffect, ImportRun, ImportUse
from crm.usage.models import UsageDay
from tests import factories
from tests.crm.uploads.door import digests, long_work

pytestmark = pytest.mark.django_db
BY = System("test")


def test_a_run_is_undone_on_its_page(import_text, as_user, ops) -> None:
    before = digests()
    assert "To take it back: manage.py undo_import" in import_text("accounts", "id,name,trait:size\na,Alpha,12\n")[1]
    run, client = ImportRun.objects.get(), as_user(ops)
    page = reverse("import", args=[run.pk])
    assert "You can undo this for 30 days" in client.get(page).content.decode()
    client.post(reverse("import-undo", args=[run.pk]))
    # The account, its trait, the trait's definition, and the first owner's line are four changes.
    changes = ImportEffect.objects.count()
    assert f"Being undone in the background: {changes} changes are left" in client.get(page).content.decode()
    long_work()
    assert "Undone: everything is as it was before the import." in client.get(page).content.decode()
    assert (digests(), TraitDefinition.objects.count()) == (before, 0)
    again = client.post(reverse("import-undo", args=[run.pk]), follow=True).content.decode()
    assert "This import cannot be undone: it has been already" in again
    assert list(AuditRow.objects.filter(action__startswith="import.und").values_list("action", "actor_id")) == [
        ("import.undo_asked", str(ops.pk)), ("import.undone", str(ops.pk)),
    ]  # fmt: skip


def test_usage_by_command_is_subtracted(import_text) -> None:
    factories.account("Alpha", external_id="a")
    before = digests()
    import_text("events", "account,user,at,event\na,u1,2026-11-20,login\na,u2,2026-11-20,export\n")
    assert UsageDay.objects.count() == 2
    call_command("undo_import", str(ImportRun.objects.get().pk), skip_checks=True)
    assert (digests(), ImportUse.objects.count()) == (before, 0)


def test_a_run_that_is_undone_while_it_goes_on_stops(import_text, monkeypatch) -> None:
    """Of five rows two are in when somebody asks; the next two are not taken, and nothing stays."""
    monkeypatch.setattr(runs, "CHUNK", 2)
    take, calls = runs.take_chunk, []

    def asked_after_the_first(run, *rest):
        calls.append(run.pk)
        if len(calls) == 2:
            actions.ask_undo(run, at=factories.NOW, by=BY)
        return take(run, *rest)

    monkeypatch.setattr(runs, "take_chunk", asked_after_the_first)
    code, said = import_text("accounts", "id,name\n" + "".join(f"a{n},Account {n}\n" for n in range(5)))
    assert (code, said) == (1, "Somebody is undoing this import, so it has stopped.")
    assert (len(calls), Account.objects.system("test").count()) == (2, 2)
    long_work()
    assert Account.objects.system("test").count() == 0


def test_whoever_may_import_no_longer_undoes_nothing(import_text, ops) -> None:
    import_text("accounts", "id,name\na,Alpha\n")
    run = ImportRun.objects.get()
    actions.ask_undo(run, at=factories.NOW, by=ops)
    ops.role = "rep"
    ops.save()
    long_work()
    run.refresh_from_db()
    assert (run.undo_asked_at, run.undone_at, Account.objects.system("test").count()) == (None, None, 1)


def test_what_a_run_did_is_forgotten_after_thirty_days(import_text) -> None:
    import_text("accounts", "id,name\na,Alpha\n")
    run = ImportRun.objects.get()
    assert actions.forget_old(at=run.started_at + timedelta(days=30), by=BY) == 0
    assert actions.forget_old(at=run.started_at + timedelta(days=30, seconds=1), by=BY) == 1
    assert ImportEffect.objects.count() == 0
    with pytest.raises(CommandError, match="what it did is no longer known"):
        call_command("undo_import", str(run.pk), skip_checks=True)
    with pytest.raises(CommandError, match="There is no import 0"):
        call_command("undo_import", "0", skip_checks=True)
