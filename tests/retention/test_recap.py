"""What an account got for what it pays: two queries for all accounts, in each feature's own unit."""

from datetime import timedelta
from decimal import Decimal

import pytest

from crm.usage.models import EventName, UsageDay
from retention.messages.queries import consumption, recap, standings
from tests import factories
from tests.retention.chain import NOW, TODAY, event, owned, person, uses

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("many", [1, 3])
def test_two_queries_however_many_accounts(many, django_assert_num_queries):
    accounts = [factories.account() for _ in range(many)]
    for account in accounts:
        factories.subscription(account, 100)
    with django_assert_num_queries(2):
        found = recap([account.pk for account in accounts], TODAY)
    assert [got.mrr for got in found.values()] == [Decimal(100)] * many


def test_an_account_without_anything_has_a_recap_that_says_so():
    account = factories.account()
    (got,) = recap([account.pk], TODAY).values()
    assert (got.active, got.seats, got.feature, got.per_unit, got.mrr, got.unused) == (0, None, "", None, None, ())


def test_windows_end_with_yesterday_and_are_28_days_long():
    account, _owner, _contact = owned()
    trips = event()
    lena = person("lena")
    days = {TODAY: 1000, TODAY - timedelta(1): 1, TODAY - timedelta(28): 2, TODAY - timedelta(29): 4}
    uses(account, trips, lena, days | {TODAY - timedelta(56): 8, TODAY - timedelta(57): 16})
    (used,) = consumption([account.pk], TODAY).values()
    assert [(use.now, use.before) for use in used.uses] == [(Decimal(3), Decimal(12))]
    standing = standings([account.pk], TODAY)[account.pk]
    assert (standing.active, standing.active_before) == (0, 1)


def test_amounts_are_summed_in_the_features_unit():
    account, _owner, _contact = owned()
    minutes = event()
    assert minutes.feature is not None
    minutes.feature.counts_amount = True
    minutes.feature.save()
    uses(account, minutes, None, {TODAY - timedelta(2): 3})
    UsageDay.objects.update(amount=2_500_000)
    (used,) = consumption([account.pk], TODAY).values()
    assert [(use.name, use.now) for use in used.uses] == [("Trip planning", Decimal("2.5"))]


def test_days_are_drawn_only_when_asked_for_and_hold_flagged_uses_of_every_event():
    account, _owner, _contact = owned()
    trips = event()
    beat, odd = (
        EventName.objects.create(name=name, is_use=is_use, first_seen_at=NOW, last_seen_at=NOW)
        for name, is_use in [("heartbeat", False), ("without a feature", True)]
    )
    day = TODAY - timedelta(70)
    uses(account, trips, None, {day: 5, TODAY - timedelta(1): 7})
    uses(account, beat, None, {day: 100})
    uses(account, odd, None, {TODAY - timedelta(1): 2})
    assert consumption([account.pk], TODAY)[account.pk].days == {}
    assert consumption([account.pk], TODAY, span=84)[account.pk].days == {day: 5, TODAY - timedelta(1): 9}


def test_unused_are_the_key_features_that_the_paid_plan_includes():
    account, _owner, _contact = owned()
    used = event()
    assert used.feature is not None
    key, plain = factories.feature(name="Portal", is_key=True, threshold=5), factories.feature(name="Map")
    factories.feature(name="Not in the plan", is_key=True)
    factories.subscription(account, 100, plan=factories.plan(used.feature, key, plain))
    uses(account, used, None, {TODAY - timedelta(1): 10})
    (got,) = recap([account.pk], TODAY).values()
    assert got.unused == ("Portal",)


def test_a_plan_with_everything_includes_features_made_later():
    account, _owner, _contact = owned()
    factories.subscription(account, 100, plan=factories.plan(includes_everything=True))
    factories.feature(name="Brand new", is_key=True)
    (got,) = recap([account.pk], TODAY).values()
    assert got.unused == ("Brand new",)


def test_what_a_merged_account_used_and_pays_counts_for_the_one_that_stayed():
    account, owner, _contact = owned()
    stays = factories.account(owner=owner)
    trips = event()
    uses(account, trips, person("lena"), {TODAY - timedelta(1): 20})
    factories.subscription(account, 100, seats=5)
    factories.subscription(stays, 60, seats=3)
    account.merged_into = stays
    account.save()
    (got,) = recap([stays.pk], TODAY).values()
    assert (got.active, got.seats, got.mrr, got.amount) == (1, 8, Decimal(160), Decimal(20))
