"""What the tests of the pages begin with: a clock that stands still, scores by the dozen, a signed-in client."""

from datetime import timedelta
from typing import Any

from django.test import Client

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.contacts.models import Contact
from crm.segments.actions import refresh_figures
from crm.staff.models import User
from feedback.answers.models import Answer
from feedback.invitations.models import Invitation
from feedback.surveys.models import Survey, Wave
from retention.follow_ups.actions import pick_up
from retention.follow_ups.models import FollowUp
from retention.messages.actions import ensure_default_templates
from retention.playbooks.actions import ensure_default_playbooks
from retention.plays.actions import advance
from retention.risk_signals.actions import look
from retention.scores.models import Band, ScoreNow, ScoreReading
from tests import factories
from tests.retention.chain import NOW, TODAY, event, owned, person, stands, uses, version

BY = System("test")
__all__ = ["BY", "NOW", "TODAY"]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def band_of(points: int | None) -> Band:
    if points is None:
        return Band.UNKNOWN
    return (Band.LEAVING, Band.AT_RISK, Band.STEADY, Band.THRIVING)[sum(points >= limit for limit in (400, 600, 800))]


def judged(account: Account, points: int | None, before: int | None = None) -> ScoreNow:
    """How an account stands, with the band that its tenths of points give and every measure at the same points."""
    row = stands(account, points, before)
    ScoreNow.objects.system("test").filter(pk=account.pk).update(band=band_of(points))
    parts = {"values": [None] * 3, "bases": [None] * 3, "components": [points] * 3}
    ScoreReading.objects.create(account=account, version_id=row.version_id, **parts)
    return row


def many(owner: User, points: list[int | None]) -> list[Account]:
    """Accounts of one owner, judged as given."""
    accounts = [factories.account(owner=owner) for _ in points]
    now = [
        ScoreNow(
            account=account, version_id=version().pk, day=TODAY, points=each, coverage=1000, low=0, high=1000,
            band=band_of(each), costliest=1,
        )
        for account, each in zip(accounts, points, strict=True)
    ]  # fmt: skip
    ScoreNow.objects.bulk_create(now)
    return accounts


def fallen(**account_fields: Any) -> FollowUp:
    """A draft for an account with 25 seats: two people active before, one now; 600 trips before, 80 now."""
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH")
    ensure_default_templates(at=NOW, by=BY)
    ensure_default_playbooks(at=NOW, by=BY)
    account, _, _ = owned(**account_fields)
    trips = event()
    portal = factories.feature("portal", name="Carrier portal", is_key=True, threshold=5)
    assert trips.feature is not None
    plan = factories.plan(trips.feature, portal, name="Team")
    factories.subscription(account, 1240, plan=plan, seats=25, renews_on=TODAY + timedelta(days=85))
    uses(account, trips, person("lena"), {TODAY - timedelta(days=30): 300, TODAY - timedelta(days=2): 80})
    uses(account, trips, person("jonas"), {TODAY - timedelta(days=31): 300})
    refresh_figures(TODAY, accounts=[account.pk], at=NOW, by=BY)
    judged(account, 460, 720)
    look(at=NOW, by=BY)
    advance(at=NOW, by=BY)
    pick_up(at=NOW, by=BY)
    drafts = FollowUp.objects.system("test").select_related("owner__team", "contact__account", "account")
    return drafts.get(account=account)


def answered(account: Account, score: int, comment: str) -> Answer:
    """What the account's first contact said in a survey."""
    contact = Contact.objects.system("test").filter(account=account).order_by("pk")[0]
    asker = account.owner
    assert asker is not None
    survey = Survey.objects.create(name="How likely", sender=asker, created_at=NOW)
    wave = Wave.objects.create(survey=survey, opened_at=NOW, opened_by=asker, target=1, sample_seed="1")
    invitation = Invitation.objects.create(
        wave=wave, account=account, contact=contact, created_at=NOW, expires_at=NOW + timedelta(days=60)
    )
    given = {"account": account, "contact": contact, "score": score, "comment": comment, "answered_at": NOW}
    return Answer.objects.create(invitation=invitation, **given)
