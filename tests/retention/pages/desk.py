"""What the tests of the pages begin with: a clock that stands still, scores by the dozen, a signed-in client."""

from datetime import timedelta

from django.test import Client

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.staff.models import User
from retention.follow_ups.actions import pick_up
from retention.follow_ups.models import FollowUp
from retention.messages.actions import ensure_default_templates
from retention.playbooks.actions import ensure_default_playbooks
from retention.plays.actions import advance
from retention.risk_signals.actions import look
from retention.scores.models import Band, ScoreNow
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
    """How an account stands, with the band that its tenths of points give."""
    row = stands(account, points, before)
    ScoreNow.objects.system("test").filter(pk=account.pk).update(band=band_of(points))
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


def fallen(**account_fields) -> FollowUp:
    """A draft for an account with 25 seats: two people active before, one now; 600 trips before, 80 now."""
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH")
    ensure_default_templates(at=NOW, by=BY)
    ensure_default_playbooks(at=NOW, by=BY)
    account, _, _ = owned(**account_fields)
    trips = event()
    portal = factories.feature("portal", name="Carrier portal", is_key=True, threshold=5)
    plan = factories.plan(trips.feature, portal, name="Team")
    factories.subscription(account, 1240, plan=plan, seats=25, renews_on=TODAY + timedelta(days=85))
    uses(account, trips, person("lena"), {TODAY - timedelta(days=30): 300, TODAY - timedelta(days=2): 80})
    uses(account, trips, person("jonas"), {TODAY - timedelta(days=31): 300})
    judged(account, 460, 720)
    look(at=NOW, by=BY)
    advance(at=NOW, by=BY)
    pick_up(at=NOW, by=BY)
    drafts = FollowUp.objects.system("test").select_related("owner__team", "contact__account", "account")
    return drafts.get(account=account)
