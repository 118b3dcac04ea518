"""Build the demo company by sending its data through the real doors: imports, SDK-shaped batches, mails, answers."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.test import Client
from rich.console import Console
from rich.progress import Progress

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.lib import mailer
from crm.management.commands.up import keep_login
from crm.outbox.actions import send_due
from crm.outbox.models import MailState, OutboundMail
from crm.plans.actions import create_feature
from crm.plans.models import Feature, Plan
from crm.sources.actions import create_source, create_write_key
from crm.staff.actions import change_installation, create_team, create_user
from crm.staff.models import User
from crm.usage.actions import drain, map_events
from feedback.invitations.actions import open_wave
from feedback.invitations.models import Invitation
from feedback.surveys.actions import create_survey
from retention import pipeline
from retention.follow_ups.actions import approve, dismiss
from retention.follow_ups.models import FollowUp
from retention.follow_ups.queries import problems, review
from retention.forecasts.actions import Expected, record_forecast
from retention.management.demo import company, facts, letters, outlook
from retention.onboarding.actions import Asked, Terms, set_plan
from retention.tasks.actions import finish_task
from retention.tasks.models import Task

BY = System("demo")
REPLAY_FROM = 120  # days ago: scores, signals and plays are worked through from here on, as they would have come
WAVE_DAYS_AGO = 21
ONBOARDED_SINCE = 110  # days ago: from then on customers go through an onboarding


class Command(BaseCommand):
    help = "Fill an empty installation with a made-up company, its customers and nine months of their use."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--today", type=date.fromisoformat, help="the day that the story ends on; default: today")

    def handle(self, *args: Any, **options: Any) -> None:
        if Account.objects.system("is anything here yet").exists() or User.objects.exists():
            raise CommandError(
                "This installation has accounts or users already. The demo is for an empty one: "
                "name another folder in HOLDFAST_VAR, or another database."
            )
        today = options["today"] or datetime.now(UTC).date()
        Demo(today, Progress(console=Console(stderr=True))).build()
        self.stdout.write("The demo company is there.")


class Demo:
    """One run: every step goes through what a real installation would use."""

    def __init__(self, today: date, progress: Progress) -> None:
        self.today, self.progress = today, progress
        self.customers = company.customers()
        self.now = datetime.now(UTC)

    def build(self) -> None:
        steps: list[tuple[str, Callable[[], None]]] = [
            ("People and features", self.house),
            ("Accounts, plans and subscriptions", self.book),
            ("Nine months of use", self.usage),
            ("Working through the last months", self.replay),
            ("A survey", self.survey),
            ("What reps expect of renewals", self.foresee),
            ("What new customers reached", self.kick_off),
            ("What was promised", self.promise),
            ("What was talked about", self.talk),
            ("Goals, payments and pulses", self.judge),
        ]
        with self.progress:
            bar = self.progress.add_task("Building the demo", total=len(steps))
            for words, step in steps:
                self.progress.update(bar, description=words)
                step()
                self.progress.advance(bar)

    def instant(self, days_ago: int, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(self.today - timedelta(days=days_ago), time(hour, minute), UTC)

    # --- who we are ----------------------------------------------------------------------------------------

    def house(self) -> None:
        at = self.now
        teams = {name: create_team(name=name, at=at, by=BY) for name in ("Europe", "Korea")}
        password = token_urlsafe(9)
        for key, name, role, team, title, phone, language in company.STAFF:
            create_user(
                email=letters.address(key),
                name=name,
                role=role,
                password=password,
                team=teams.get(team),
                at=at,
                by=BY,
                job_title=title,
                phone=phone,
                language=language,
                time_zone="Asia/Seoul" if team == "Korea" else "Europe/Berlin",
            )
        keep_login(letters.address("mina"), password)
        change_installation(
            company_name=company.COMPANY, product_name=company.PRODUCT, currency="EUR", is_demo=True, at=at, by=BY
        )
        for feature in company.FEATURES:
            create_feature(
                key=feature.key,
                name=feature.name,
                is_key=feature.is_key,
                threshold=feature.threshold,
                counts_amount=bool(feature.amount),
                unit=feature.unit,
                at=at,
                by=BY,
            )
        pipeline.ensure_defaults(at=self.instant(company.HISTORY, 6), by=BY)

    def book(self) -> None:
        files = {
            "plans": letters.plans_csv(),
            "accounts": letters.accounts_csv(self.customers, self.today),
            "subscriptions": letters.subscriptions_csv(self.customers, self.today),
        }
        self._import(files)
        larger = Plan.objects.exclude(external_id="starter")
        for name, plans, milestones in (("Small fleets", [], facts.SMALL), ("Larger fleets", larger, facts.LARGER)):
            self._onboard(name, list(plans), milestones)

    def _onboard(self, name: str, plans: list[Plan], milestones: tuple[facts.Milestone, ...]) -> None:
        features = {row.key: row for row in Feature.objects.all()}
        steps = [
            Asked(words, kind, within, features.get(feature), amount, is_value=n == 1)
            for n, (words, kind, feature, amount, within) in enumerate(milestones)
        ]
        terms = Terms(self.today - timedelta(days=ONBOARDED_SINCE), 75, 14, steps)
        set_plan(name=name, plans=plans, terms=terms, at=self.instant(ONBOARDED_SINCE, 6), by=BY)

    def _import(self, files: dict[str, str]) -> None:
        with TemporaryDirectory() as folder:
            for kind, text in files.items():
                path = Path(folder) / f"{kind}.csv"
                path.write_text(text, encoding="utf-8")
                call_command("import_file", kind, str(path), verbosity=0)

    # --- what customers did --------------------------------------------------------------------------------

    def usage(self) -> None:
        source = create_source(name="Fleetline app", at=self.now, by=BY)
        _, key = create_write_key(source, at=self.now, by=BY)
        sender = Client(
            SERVER_NAME="localhost", headers={"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}
        )
        bar = self.progress.add_task("  sending", total=len(self.customers))
        for customer in self.customers:
            for batch in letters.batches(customer, self.today):
                body = {"batch": batch, "sentAt": datetime.now(UTC).isoformat()}
                answer = sender.post("/v1/batch", json.dumps(body), content_type="application/json")
                if answer.status_code != 200:
                    raise CommandError(f"The tracking API answered {answer.status_code}: {answer.content[:200]!r}")
            self.progress.advance(bar)
        self._map()
        while drain(at=datetime.now(UTC), by=BY).batches:
            pass
        self._import({"contacts": letters.contacts_csv(self.customers, self.today)})

    def _map(self) -> None:
        features = {feature.key: feature for feature in Feature.objects.all()}
        mapping = {f.event: (features[f.key], True, f.amount) for f in company.FEATURES}
        map_events(mapping, at=self.now, by=BY)

    # --- what we did ---------------------------------------------------------------------------------------

    def replay(self) -> None:
        """Run the pipeline and act as reps would have, day by day: early drafts are decided, late ones wait."""
        bar = self.progress.add_task("  days", total=REPLAY_FROM)
        for days_ago in range(REPLAY_FROM, -1, -1):
            # Weekly at first, on a day on which mail goes out; daily in the last nine weeks.
            if days_ago > 63 and (self.today - timedelta(days=days_ago)).weekday() != 2:
                self.progress.advance(bar)
                continue
            at = self.instant(days_ago, 6, 30) if days_ago else self.now
            pipeline.run(through=at, at=at, by=BY)
            if days_ago > 17:
                self._reps_act(self.instant(days_ago, 9, 30))
            self.progress.advance(bar)

    def _reps_act(self, at: datetime) -> None:
        """Every third draft is put aside with a reason; the others are approved if nothing speaks against them."""
        drafts = FollowUp.objects.system("the demo's reps decide").drafts().filter(created_at__lte=at)
        for draft in drafts.select_related("owner", "account", "contact__account").order_by("pk"):
            if draft.pk % 3 == 0 or problems(draft):
                dismiss(draft, why="Spoke to them on the phone this week", at=at, by=draft.owner)
            else:
                approve(draft, displayed=review(draft, at=at).fingerprint, at=at, by=draft.owner)
        self._deliver(at + timedelta(minutes=10))
        tasks = Task.objects.system("the demo's reps finish tasks").open().filter(due_on__lte=at.date())
        for task in tasks.select_related("account__owner", "play_step", "risk_signal").order_by("pk"):
            if task.account.owner and task.pk % 2:
                finish_task(task, at=at, by=task.account.owner)

    def _deliver(self, at: datetime) -> None:
        """Send what is due as of then; the file transport keeps it readable at /mail/."""
        transport = mailer.transport("", settings.MAIL_FILES, hello=settings.MAIL_FROM_DOMAIN)
        while send_due(clock=lambda: at, transport=transport).more:
            pass

    # --- what customers told us ----------------------------------------------------------------------------

    def survey(self) -> None:
        at = self.instant(WAVE_DAYS_AGO, 8)
        sender = User.objects.get(email=letters.address("ines"))
        survey = create_survey(name="Relationship", sender=sender, at=at, by=BY)
        open_wave(survey, target=40, at=at, by=User.objects.get(email=letters.address("olga")))
        self._deliver(self.instant(WAVE_DAYS_AGO - 3, 9))
        browser = Client(SERVER_NAME="localhost")
        answers = {
            c.key: (c.story.answer, c.told(c.story.comment)) for c in self.customers if c.story.answer is not None
        }
        asked = Invitation.objects.system("the demo's customers answer").select_related("account", "mail")
        for invitation in asked.order_by("pk"):
            score, comment = answers.get(invitation.account.external_id, (None, ""))
            if score is not None and invitation.mail and invitation.mail.state == MailState.SENT:
                _answer(browser, invitation.mail, score, comment)
        pipeline.run(through=datetime.now(UTC), at=datetime.now(UTC), by=BY)

    # --- what we expect ------------------------------------------------------------------------------------

    def foresee(self) -> None:
        accounts = {row.external_id: row for row in Account.objects.system("the demo's reps look ahead")}
        users = {user.email: user for user in User.objects.all()}
        for said in outlook.forecasts(self.customers, self.today):
            mrr = None if said.mrr is None else Decimal(said.mrr)
            expected = Expected(said.category, mrr, said.reason)
            record_forecast(
                accounts[said.customer],
                renews_on=said.renews_on,
                expected=expected,
                at=datetime.combine(said.on, time(9), UTC),
                by=users[letters.address(said.owner)],
            )

    def kick_off(self) -> None:
        self._import({"milestones": facts.kickoffs_csv(self.customers, self.today, since=ONBOARDED_SINCE)})

    def promise(self) -> None:
        self._import({"promises": facts.promises_csv(self.customers, self.today)})

    def talk(self) -> None:
        self._import({"conversations": facts.conversations_csv(self.customers, datetime.now(UTC))})

    def judge(self) -> None:
        files = {"goals": facts.goals_csv, "payments": facts.payments_csv, "pulses": facts.pulses_csv}
        self._import({kind: made(self.customers, self.today) for kind, made in files.items()})


def _answer(browser: Client, mail: OutboundMail, score: int, comment: str) -> None:
    """Open the link of the mail and press the button, as the customer does."""
    link = re.search(r"/s/[^/\s?]+/", mail.body_text)
    if link is None:
        raise CommandError(f"The invitation {mail.pk} holds no link to answer by.")
    page = browser.post(link.group(), {"score": score, "comment": comment, "send": "1"})
    if page.status_code != 303:
        raise CommandError(f"The survey page answered {page.status_code}.")
