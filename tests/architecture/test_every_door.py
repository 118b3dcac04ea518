"""Every row of an account comes in, goes out, is on record, on the timeline and found; proven by walking the models."""

import csv
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import time_machine
from django.core.management import call_command
from django.http import QueryDict
from django.test import TestCase

from crm.accounts.models import Account
from crm.attention.actions import hold
from crm.audit.models import AuditRow
from crm.calendars.models import Calendar
from crm.consents.actions import grant_consent
from crm.consents.models import Consent, Purpose
from crm.contacts.actions import create_contact, merge_contacts
from crm.exports.rules import EXPORTS, Asked
from crm.goals.actions import keep_readings
from crm.imports.models import ImportEffect, ImportRefusal, ImportRun
from crm.imports.rules import KINDS
from crm.plans.models import Plan
from crm.subscriptions.actions import Terms, open_subscription
from crm.usage.models import EventName, MonthlyTotal, WindowEvent
from feedback.answers.actions import give_answer
from feedback.invitations.models import Invitation
from retention.agenda.actions import put_off
from retention.forecasts.actions import Expected, record_forecast
from retention.handovers.actions import read_handover
from retention.handovers.models import Handover
from retention.onboarding.actions import Asked as Wanted
from retention.onboarding.actions import Terms as PlanTerms
from retention.onboarding.actions import begin, set_plan
from retention.outcomes.queries import story
from retention.pages.finding import found
from tests import factories
from tests.architecture.doors import mark, missing, of_accounts
from tests.company import BY, NOW, TODAY, Company, company

MODELS = of_accounts()
GROWS = 29_999  # what a forecast says, which takes no mark: it is never changed
TABLES = {model._meta.db_table: name for name, model in MODELS.items()}


@time_machine.travel(NOW, tick=False)
class TestEveryRowOfAnAccount(TestCase):
    made: Company
    marks: dict[str, set[str]]
    whose: dict[str, set[str]]
    recorded: set[str]

    @classmethod
    @time_machine.travel(NOW, tick=False)
    def setUpTestData(cls) -> None:
        cls.made = company()
        cls.whose = {name: _on(model) for name, model in MODELS.items()}
        _more(cls.made)
        cls.recorded = set(AuditRow.objects.values_list("object_kind", flat=True))
        cls.marks = {name: mark(model, n) for n, (name, model) in enumerate(sorted(MODELS.items()))}
        cls.marks["Forecast"].add(str(GROWS))

    def passed(self, shown: str) -> set[str]:
        return {name for name, marks in self.marks.items() if any(each in shown for each in marks)}

    def test_a_file_gives_it(self) -> None:
        asked = Asked(self.made.users["O"], QueryDict(""), NOW)
        tables = [export.table(asked) for key, export in EXPORTS.items() if key != "record"]
        shown = "\n".join(str(cell) for table in tables for row in table.rows for cell in row)
        assert "\n".join(missing("export", self.passed(shown), set(MODELS))) == ""

    def test_no_file_gives_what_whoever_takes_it_does_not_see(self) -> None:
        """Of a manager these are other teams' accounts and restricted ones, which ops takes from the same lists."""
        hidden, event = self.made.accounts["foreign"], EventName.objects.get(pk=self.made.rows["event"][""])
        told = {"month": TODAY.replace(day=1), "uses": 3, "through": TODAY, "recorded_at": NOW}
        MonthlyTotal.objects.create(account=hidden, event=event, **told)
        WindowEvent.objects.create(account=hidden, event=event, uses_28=1, last_day=TODAY)
        said = {"purpose": Purpose.values[0], "given": False, "on": TODAY, "source": "By phone", "recorded_at": NOW}
        Consent.objects.create(contact=self.made.contacts["foreign"], **said)
        given: dict[str, set[tuple[str, str]]] = {}
        for role in "MO":
            asked = Asked(self.made.users[role], QueryDict(""), NOW)
            given[role] = {
                (key, cell)
                for key, export in EXPORTS.items()
                if key != "record" and export.allows(asked.user)
                for row in export.table(asked).rows
                for cell in map(str, row)
                if cell.startswith(("foreign-", "restricted-"))
            }
        assert given["M"] == set()
        lists = {key for key, _cell in given["O"]}
        assert {"accounts", "contacts", "subscriptions", "totals", "usage", "consents"} <= lists
        assert {"conversations", "promises", "payments", "goals", "pulses", "overrides", "not-needed"} <= lists
        assert {"milestones", "outcomes"} <= lists

    def test_it_stands_on_the_timeline_of_its_account(self) -> None:
        events = [event for of in self.made.accounts.values() for event in story(of.pk, TODAY, TODAY).events]
        shown = "\n".join(str(event) + str(event.at.date()) for event in events)
        assert "\n".join(missing("timeline", self.passed(shown), set(MODELS))) == ""

    def test_its_words_are_found(self) -> None:
        ops = self.made.users["O"]
        words = {
            name: next((each for each in marks if each.startswith("mark")), "") for name, marks in self.marks.items()
        }
        hit = {name for name, each in words.items() if each and found(ops, each, people=True, talks=True, at=NOW)}
        assert "\n".join(missing("search", hit, set(MODELS))) == ""

    def test_an_action_leaves_a_row_of_the_record(self) -> None:
        hit = {name for name, model in MODELS.items() if model._meta.model_name in self.recorded}
        assert "\n".join(missing("audit", hit, set(MODELS))) == ""

    def test_the_matrix_has_one_that_the_rep_sees_and_one_that_nobody_of_the_team_does(self) -> None:
        hit = {name for name, whose in self.whose.items() if {"own", "foreign"} <= whose}
        assert "\n".join(missing("matrix", hit, set(MODELS))) == ""


def _more(made: Company) -> None:
    """What has no page of its own in the company, and what was put into it by hand, each by its action."""
    of, person, owner = made.accounts["own"], made.contacts["own"], made.users["R"]
    by: dict[str, Any] = {"at": NOW, "by": owner}
    twin = create_contact(of, name="Lena Vogt", **by)
    merge_contacts(twin, into=person, **by)
    said: dict[str, Any] = {"on": TODAY, "source": "call"}
    grant_consent(person, purpose="survey", wording="You may ask me.", **said, **by)
    expected = Expected(category="grows", mrr=Decimal(GROWS))
    record_forecast(of, renews_on=made.rows["renewal"]["own"][1], expected=expected, **by)
    put_off(of, until=TODAY + timedelta(days=9), why="They are away.", **by)
    hold(of, kind="outage", subject="status:1", **by)
    terms = Terms(TODAY - timedelta(days=40), Decimal(30), 1, "EUR", plan=Plan.objects.get())
    open_subscription(of, external_id="more", terms=terms, **by)
    event = {"account": of, "event_id": made.rows["event"][""], "month": TODAY.replace(day=1), "uses": 3, "amount": 0}
    MonthlyTotal.objects.create(**event, through=TODAY, recorded_at=NOW)
    keep_readings(NOW, at=NOW, by=BY)
    give_answer(Invitation.objects.system("test").get(account=of), score=9, comment="Good.", at=NOW, by=BY)
    read_handover(Handover.objects.system("test").get(account=of), **by)


def _on(model: Any) -> set[str]:
    path = model.objects.all().account_path
    rows = model._base_manager.values_list(f"{path}external_id", flat=True).distinct()
    return {name.partition("-")[0] for name in rows if name}


@time_machine.travel(datetime(2026, 12, 1, 9, tzinfo=UTC), tick=False)
class TestTheTemplateOfEveryKind(TestCase):
    """Each kind's example comes in as it stands, and its run knows which tables it wrote."""

    def test_it_writes_what_the_kind_says_and_every_model_is_written_by_one(self) -> None:
        wrote = set[str]()
        for kind, about in KINDS.items():
            if kind == "milestones":
                self.begins_onboarding()
            elif kind == "goals":
                factories.feature("trips")
            elif kind == "calendar-days":
                Calendar.objects.create(name="Germany")
            run = self.brings(kind)
            assert run.created + run.updated == 1, kind
            tables = set(ImportEffect.objects.filter(run=run).values_list("table_name", flat=True))
            assert about.tables[:1] == () or about.tables[0] in tables, kind
            wrote |= tables
        hit = {TABLES[table] for table in wrote & TABLES.keys()}
        assert "\n".join(missing("import", hit, set(MODELS))) == ""

    def brings(self, kind: str) -> ImportRun:
        example = dict(KINDS[kind].examples[0])
        if kind == "accounts":
            owner = factories.user(email="mina@ours.example")
            example |= {"owner": owner.email, "trait:region": "North"}
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{kind}.csv"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(example))
                writer.writeheader()
                writer.writerow(example)
            with suppress(SystemExit):  # rows were refused
                call_command("import_file", kind, str(path), stdout=StringIO(), skip_checks=True)
        run = ImportRun.objects.latest("pk")
        assert [row.reason for row in ImportRefusal.objects.filter(run=run)] == [], kind
        return run

    def begins_onboarding(self) -> None:
        steps = [Wanted("Kickoff held", "hand", 3)]
        terms = PlanTerms(TODAY - timedelta(days=30), lasts_days=60, stuck_days=14, milestones=steps)
        plan = set_plan(name="Standard", plans=[], terms=terms, at=NOW, by=BY)
        account = Account.objects.system("test").get(external_id="acme")
        begin(account, plan=plan, started_on=TODAY - timedelta(days=25), at=NOW, by=BY)
