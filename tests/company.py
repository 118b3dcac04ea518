"""A small company with one row of everything that has a page: two teams, five roles, and accounts told apart by whose.

`own` belongs to the rep who looks, `team` and `restricted` to a colleague of the same team, `foreign` to another
team. Names and addresses begin with that word, so that a page which shows too much gives itself away.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from allauth.mfa.models import Authenticator

from crm.accounts import actions as accounts
from crm.accounts.models import Account, OwnerChange
from crm.audit.rules import System
from crm.bulk_edits.actions import add_tag
from crm.contacts.models import Contact
from crm.conversations import actions as conversations
from crm.conversations.models import Conversation
from crm.fills.models import Beat, Fill
from crm.goals.actions import drop_goal, set_goal
from crm.imports.models import ImportRefusal, ImportRun
from crm.keys.actions import create_key
from crm.outbox import actions as outbox
from crm.outbox import emails
from crm.outbox.models import MailState, OutboundMail, UnsubscribeLink
from crm.plans.models import Feature, Plan
from crm.promises.actions import keep_promise, make_promise
from crm.segments import actions as segments
from crm.segments.rules import read
from crm.sign_in.actions import invite_user, new_password_link
from crm.sign_in.models import OneTimeLink
from crm.sign_in.queries import token_of
from crm.sources import actions as sources
from crm.sources.models import Reject
from crm.staff.models import Installation, User
from crm.subscriptions.actions import record_payment
from crm.subscriptions.models import ExchangeRate
from crm.uploads.models import Upload, UploadPiece, UploadRow
from crm.usage.models import EventName
from crm.webhooks import actions as webhooks
from crm.webhooks.models import Endpoint
from feedback.answers.models import Answer
from feedback.invitations import queries as invitations
from feedback.invitations.models import NotAsked
from feedback.surveys.models import Survey, Wave
from retention.agenda.models import PutOff
from retention.follow_ups import actions as follow_ups
from retention.follow_ups.models import FollowUp
from retention.forecasts.models import Forecast
from retention.handovers.models import Handover
from retention.measures.actions import spare
from retention.messages.actions import ensure_default_templates
from retention.onboarding.actions import Asked, Terms, reach, set_plan
from retention.onboarding.actions import begin as begin_onboarding
from retention.onboarding.models import Milestone, OnboardingPlan
from retention.outcomes.models import Outcome
from retention.overrides.actions import set_override
from retention.playbooks.actions import ensure_default_playbooks
from retention.playbooks.models import Playbook
from retention.plays import actions as plays
from retention.plays.models import Play
from retention.pulses.actions import record_pulse
from retention.risk_signals.actions import look
from retention.scores.models import ScoreReading
from retention.tasks.actions import create_task
from tests import company_cards, company_hours, factories
from tests.feedback import people
from tests.retention import chain

NOW, TODAY = chain.NOW, chain.TODAY
BY = System("test")
WHOSE = ("own", "team", "restricted", "foreign")
DAY = timedelta(days=1)


@dataclass
class Company:
    """`users` by the letter of their role; `rows` is kind → whose → what stands in the address ("" when shared)."""

    users: dict[str, User] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    write_key: str = ""

    def remember(self, kind: str, value: Any, whose: str = "") -> None:
        self.rows.setdefault(kind, {})[whose] = value


def company() -> Company:
    """Everything stands at NOW, a Wednesday morning; travel there to look at it."""
    made = Company()
    factories.installation(visibility="team", product_name="Fleetline", company_name="Fleetline GmbH")
    _people(made)
    plan, trips = _product(made)
    for whose in WHOSE:
        _account(made, whose, plan, trips)
    _plays(made)
    for whose in WHOSE:
        _work(made, whose)
    _house(made)
    _survey(made)
    return made


def run_pipeline() -> None:
    """The steps of it that make signals, plays and drafts of what is known."""
    look(at=NOW, by=BY)
    plays.advance(at=NOW, by=BY)
    follow_ups.pick_up(at=NOW, by=BY)


def happens_elsewhere(made: Company) -> None:
    """The same once more on another account of the other team, and on another restricted one."""
    other = Company(users=made.users, rows={"trait": made.rows["trait"]})
    plan, survey = Plan.objects.get(pk=made.rows["plan"][""]), Survey.objects.get(pk=made.rows["survey"][""])
    trips = EventName.objects.get(pk=made.rows["event"][""])
    for whose in ("restricted", "foreign"):
        _account(other, whose, plan, trips, number=3)
    _plays(other)
    for whose in ("restricted", "foreign"):
        _work(other, whose)
        _asked(survey, other.contacts[whose])
        _not_asked(Wave.objects.get(survey=survey), other, whose)


def _people(made: Company) -> None:
    north, south = factories.team("North"), factories.team("South")
    roles = {"S": ("system_admin", None), "O": ("ops_admin", None), "M": ("manager", north), "V": ("read_only", north)}
    for letter, (role, team) in roles.items():
        made.users[letter] = factories.user(role, team=team, name=f"{role.replace('_', ' ').title()} Person")
    made.users["R"] = factories.user("rep", team=north, name="Mina Kwon", job_title="Customer success")
    made.users["colleague"] = factories.user("rep", team=north, name="Jonas Holm", job_title="Customer success")
    made.users["stranger"] = factories.user("rep", team=south, name="Sara Lind", job_title="Customer success")
    # Who stands in for the rep, from a team that owns nothing.
    made.users["C"] = factories.user("rep", name="Cora Blum", team=factories.team("Relief"))
    cover = factories.cover(made.users["C"], made.users["R"], from_at=NOW - 2 * DAY, until_at=NOW + 5 * DAY)
    made.remember("cover", cover.pk)
    made.remember("user", made.users["R"].pk)
    made.remember("ops user", made.users["O"].pk)
    made.remember("team", north.pk)
    key = Authenticator.objects.create(user=made.users["colleague"], type="webauthn", data={"name": "Key"})
    made.remember("passkey", key.pk)
    invited = invite_user(
        email="new@ours.example", name="Otis New", role="rep", team=north, language="en", at=NOW, by=BY
    )
    made.remember("invitation", invited.pk.hex)
    made.remember("invited", token_of(invited))
    made.remember("password link", token_of(new_password_link(made.users["R"], at=NOW, by=BY)))
    # Made before there was an admin.
    early = OneTimeLink.objects.create(purpose="first_admin", created_at=NOW, expires_at=NOW + DAY)
    made.remember("first admin", token_of(early))


def _product(made: Company) -> tuple[Plan, EventName]:
    ensure_default_templates(at=NOW, by=BY)
    ensure_default_playbooks(at=NOW, by=BY)
    made.remember("scorecard version", chain.version().pk)
    trips = chain.event()
    portal = factories.feature("portal", name="Carrier portal", is_key=True, threshold=5)
    factories.feature("maps", name="Maps", is_key=True)
    plan = factories.plan(trips.feature, portal, name="Professional")
    made.remember("feature", portal.pk)
    steps = [
        Asked("Kickoff", "hand", 3), Asked("Training", "hand", 7), Asked("First trip", "first_use", 14, trips.feature),
    ]  # fmt: skip
    terms = Terms(TODAY - 90 * DAY, 60, 14, steps)
    made.remember("onboarding plan", set_plan(name="Standard", plans=[], terms=terms, at=NOW, by=BY).pk)
    made.remember("kickoff", Milestone.objects.get(name="Kickoff").pk)
    made.remember("plan", plan.pk)
    made.remember("event", trips.pk)
    playbook = Playbook.objects.order_by("pk").first()
    assert playbook is not None
    made.remember("playbook", playbook.pk)
    own: dict[str, Any] = {"at": NOW, "by": made.users["R"]}
    made.remember("segment", segments.keep_segment(name="Hotels", tree=read("segment.is.hotels"), **own).pk)
    company_cards.fill(made, at=NOW, day=TODAY)
    made.remember("view", segments.keep_view(name="By renewal", query="sort=renewal", **own).pk)
    company_hours.fill(made, plan, at=NOW, day=TODAY)
    trait = accounts.define_trait(key="region", label="Region", type="text", at=NOW, by=made.users["O"])
    made.remember("trait", trait.pk)
    made.rows["trait"]["row"] = trait
    return plan, trips


def _account(made: Company, whose: str, plan: Plan, trips: EventName, number: int = 1) -> None:
    owner = made.users[{"own": "R", "foreign": "stranger"}.get(whose, "colleague")]
    of = factories.account(
        f"{whose}account Ltd", owner=owner, external_id=f"{whose}-{number}", time_zone="Europe/Berlin",
        next_step=f"{whose}step", next_step_on=TODAY, segment="hotels", tags=["new"], restricted=whose == "restricted",
    )  # fmt: skip
    OwnerChange.objects.create(account=of, owner=owner, from_at=NOW - 200 * DAY)
    accounts.set_trait(of, made.rows["trait"]["row"], "Norway", at=NOW, by=BY)
    person = factories.contact(
        of, name=f"{whose}person Vogt", email=f"{whose}person@customer.example", role="champion", phone="+49 30 1234567"
    )
    Handover.objects.create(
        account=of, change=OwnerChange.objects.system("test").get(account=of), taker=owner, at=NOW - DAY
    )
    made.remember("handover", of.pk, whose)
    change = factories.subscription(of, 1240, plan=plan, seats=25, renews_on=TODAY + 60 * DAY)
    lena, jonas = chain.person("lena"), chain.person("jonas")
    chain.uses(of, trips, lena, {TODAY - 30 * DAY: 300, TODAY - 2 * DAY: 80})
    chain.uses(of, trips, jonas, {TODAY - 31 * DAY: 300})
    chain.stands(of, 460, 720)
    read: dict[str, Any] = {"values": [1, Decimal("0.04"), 3], "bases": [1, 25, 1], "components": [900, 20, 460]}
    ScoreReading.objects.create(account=of, version_id=chain.version().pk, **read)
    made.remember("reading", (of.pk, "depth"), whose)
    spare = {"external_id": f"{whose}-{number + 1}", "restricted": of.restricted}
    factories.account(f"{whose}account spare", owner=owner, **spare)
    made.accounts[whose], made.contacts[whose] = of, person
    made.remember("account", of.pk, whose)
    made.remember("contact", person.pk, whose)
    made.remember("line", change.subscription_id, whose)
    told: dict[str, Any] = {
        "kind": "failed",
        "on": TODAY - DAY,
        "amount": 1240,
        "currency": "EUR",
        "invoice": f"{whose}step-1",
    }
    made.remember("payment", record_payment(change.subscription, **told, at=NOW, by=BY).pk, whose)
    due = TODAY + 60 * DAY
    expected = Forecast.objects.create(
        account=of, renews_on=due, category="leaves", mrr=0, currency="EUR", reason=f"{whose}step", at=NOW, by=owner
    )
    made.remember("renewal", (of.pk, due), whose)
    made.remember("forecast", expected.pk, whose)


def _plays(made: Company) -> None:
    run_pipeline()
    for whose, of in made.accounts.items():
        made.remember("draft", FollowUp.objects.system("test").get(account=of).pk, whose)
        play = Play.objects.system("test").get(account=of)
        Outcome.objects.create(account=of, play=play, kind="saved", on=TODAY - DAY, recorded_at=NOW)


def _work(made: Company, whose: str) -> None:
    of = made.accounts[whose]
    owner = of.owner
    assert owner is not None
    task = create_task(of, title=f"{whose}task to do", due_on=TODAY, detail="Ask.", at=NOW, by=owner)
    made.remember("task", task.pk, whose)
    for kind in ("promise", "kept promise"):
        promise = make_promise(
            of, text=f"{whose}task promised", due_on=TODAY + 9 * DAY, contact=made.contacts[whose], promised_by=owner,
            at=NOW, by=BY,
        )  # fmt: skip
        made.remember(kind, promise.pk, whose)
    keep_promise(promise, at=NOW, by=BY)
    for kind in ("conversation", "closed conversation"):
        talk = conversations.receive(
            of, channel="ticket", text=f"{whose}words of theirs", subject=f"{whose}talk", contact=made.contacts[whose],
            at=NOW, by=owner,
        )  # fmt: skip
        made.remember(kind, talk.pk, whose)
    conversations.close(talk, at=NOW, by=owner)
    Conversation.objects.system("test").update(responder=None)
    begin_onboarding(of, plan=OnboardingPlan.objects.get(), started_on=TODAY - 20 * DAY, at=NOW, by=BY)
    kickoff, training = Milestone.objects.filter(kind="hand").order_by("position")
    made.remember("milestone", (of.pk, kickoff.pk), whose)
    made.remember("reach", reach(of, training, at=NOW, by=BY).pk, whose)
    made.remember("reached milestone", (of.pk, training.pk), whose)
    pulse = record_pulse(of, value=2, reason=f"{whose}task worries us", at=NOW, by=owner)
    made.remember("pulse", pulse.pk, whose)
    until = TODAY + 30 * DAY
    override = set_override(of, band=2, reason=f"{whose}task as they say", until=until, at=NOW, by=owner)
    made.remember("override", override.pk, whose)
    portal, maps = Feature.objects.get(key="portal"), Feature.objects.get(key="maps")
    left_out = spare(of, feature=maps, reason=f"{whose}task without it", at=NOW, by=owner)
    made.remember("left out", left_out.pk, whose)
    made.remember("spared", (of.pk, maps.pk), whose)
    for kind in ("goal", "dropped goal"):
        due = TODAY + 90 * DAY
        goal = set_goal(
            of, words=f"{whose}task in one place", feature=portal, target=Decimal(200), due_on=due, at=NOW, by=BY
        )
        made.remember(kind, goal.pk, whose)
    drop_goal(goal, why="They no longer want it.", at=NOW, by=BY)
    # Not in force any more, so that everything of the account shows.
    put_off = PutOff.objects.create(account=of, until=TODAY, why=f"{whose}step later", at=NOW - 9 * DAY, by=owner)
    made.remember("put off", put_off.pk, whose)
    made.remember("waiting mail", _mail(made, whose, "waiting").pk, whose)
    unconfirmed = _mail(made, whose, "unconfirmed")
    OutboundMail.objects.system("test").filter(pk=unconfirmed.pk).update(
        state=MailState.UNCONFIRMED, reason="no_answer", handoff_at=NOW
    )
    made.remember("unconfirmed mail", unconfirmed.pk, whose)


def _mail(made: Company, whose: str, state: str) -> OutboundMail:
    of, owner = made.accounts[whose], made.accounts[whose].owner
    assert owner is not None
    return outbox.enqueue(
        key=f"{of.pk}:{state}", account=of, contact=made.contacts[whose], kind="informational",
        signer=owner, approved_by=owner, subject=f"{whose}mail, {state}",
        body_text=f"Hello,\n\n{whose}body. See https://ours.example/tour.\n\n{owner.name}",
        due_at=NOW, at=NOW, by=owner,
    )  # fmt: skip


def _house(made: Company) -> None:
    tagged = add_tag(Account.objects.visible_to(made.users["R"]), tag="checked", at=NOW, by=made.users["R"])
    assert tagged.edit is not None
    made.remember("edit", tagged.edit.pk)
    source = sources.create_source(name="Web app", at=NOW, by=BY)
    key, made.write_key = sources.create_write_key(source, at=NOW, by=BY)
    Reject.objects.create(source=source, at=NOW, position=3, reason="The event has no name.", excerpt="{}")
    run = ImportRun.objects.create(
        kind="accounts", filename="accounts.csv", sha256="0" * 64, started_at=NOW, finished_at=NOW, read=2, refused=1
    )
    ImportRefusal.objects.create(run=run, line=3, reason="There is no name.", row={"external_id": "a-9"})
    ExchangeRate.objects.create(currency="USD", day=TODAY, rate=1)
    Beat.objects.create(name="jobs", at=NOW)
    Fill.objects.create(stage="windows", through_at=NOW, finished_at=NOW)
    expires_at = NOW + 90 * DAY
    api_key, _secret = create_key(
        owner=made.users["R"], name="Sync", scopes=["accounts:read"], expires_at=expires_at, at=NOW, by=made.users["S"]
    )
    made.remember("api key", api_key.pk)
    told: dict[str, Any] = {
        "url": "https://hooks.example.com/in",
        "events": ["account.churned"],
        "at": NOW,
        "by": made.users["S"],
    }
    endpoint, _secret = webhooks.create_endpoint(**told)
    delivery = webhooks.send_test(endpoint, at=NOW, by=made.users["S"])
    Endpoint.objects.update(paused_at=NOW)
    made.remember("webhook", endpoint.pk)
    made.remember("delivery", delivery.pk)
    made.remember("source", source.pk)
    made.remember("key", key.pk)
    made.remember("import", run.pk)
    for state, kind in (("columns", "upload"), ("checked", "tried upload"), ("applied", "applied upload")):
        made.remember(kind, _upload(made.users["O"], state, run).pk)
    made.remember("template", ("accounts", "csv"))
    made.remember("list", "contacts")
    rename = accounts.rename_tag(old="new", new="vip", at=NOW, by=made.users["O"])
    made.remember("tag rename", rename.pk)
    made.remember("installation", Installation.objects.get().pk)


def _upload(by: User, state: str, run: ImportRun) -> Upload:
    row = Upload.objects.create(
        kind="accounts", filename="more.csv", size=20, sha256="1" * 64, state=state, made_by=by, created_at=NOW,
        changed_at=NOW, encoding="utf-8", delimiter=",", header=["id", "name"], sample=[["a"], ["Alpha"]], rows=1,
        new=1,
        columns={} if state == "columns" else {"external_id": 0, "name": 1}, run=run if state == "applied" else None,
    )  # fmt: skip
    UploadPiece.objects.create(upload=row, place=0, data=b"id,name\na,Alpha\n")
    UploadRow.objects.create(upload=row, line=2, cells=["a", "Alpha"], outcome="new")
    return row


def _survey(made: Company) -> None:
    survey = people.survey(made.users["O"], sender=made.users["R"], name="Relationship")
    made.remember("survey", survey.pk)
    made.remember("survey mail", (survey.pk, "en"))
    tokens = {whose: _asked(survey, made.contacts[whose]) for whose in WHOSE}
    made.remember("token", tokens["own"])
    for whose in WHOSE:
        _not_asked(Wave.objects.get(survey=survey), made, whose)
    link = UnsubscribeLink.objects.create(address_hash="0" * 64, scope="survey", created_at=NOW)
    made.remember("unsubscribe", emails.unsubscribe_token(link))


def _not_asked(wave: Wave, made: Company, whose: str) -> None:
    person = factories.contact(made.accounts[whose], name=f"Otto {whose}unasked", email="")
    NotAsked.objects.create(wave=wave, account=person.account, contact=person, reason="no_address")


def _asked(survey: Survey, contact: Contact) -> str:
    """The link's token; all but the own account's have answered."""
    row = people.invitation(survey, contact, created_at=NOW - DAY, expires_at=NOW + 59 * DAY)
    if not contact.name.startswith("own"):
        words = f"{contact.name.partition('person')[0]}comment"
        Answer.objects.create(
            invitation=row, account=contact.account, contact=contact, score=3, comment=words, answered_at=NOW - DAY
        )
    return invitations.token_of(row)
