"""The account's own figures, for many accounts at once, and the names under which templates may use them."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection

from crm.lib.sql_files import load
from crm.plans.models import Feature
from crm.staff.queries import installation
from crm.subscriptions.queries import mean_mrr, mrr_on, paid_plan_features, seats_on
from retention.messages import rules
from retention.messages.models import MessageTemplate
from retention.messages.rules import Recap, Use

ACTIVE_FROM = 5  # flagged uses in 28 days, as definitions.md has it for depth

# Every name that a template may use. A value may still be missing for one account: then the default, or the lint.
NAMES = frozenset(
    {
        "contact.name", "contact.first_name", "contact.greeting", "account.name", "product", "company",
        "owner.name", "owner.title", "owner.phone", "seats", "people.active", "people.before",
        "use.feature", "use.amount", "use.before", "use.unit", "use.price", "unused.feature", "meeting.day",
    }
)  # fmt: skip


def recap(accounts: Collection[int], day: date) -> dict[int, Recap]:
    """What each account got for what it pays, from usage through the day before `day`. Seven queries for all."""
    ids = list(accounts)
    features = {f.pk: f for f in Feature.objects.all()}
    people = {account: counts for account, *counts in _rows("recap_people", ids, day, threshold=ACTIVE_FROM)}
    used: dict[int, dict[int, Use]] = defaultdict(dict)
    for account, feature, *sums in _rows("recap_features", ids, day):
        used[account][feature] = _use(features[feature], *sums)
    seats, paid = seats_on(day, accounts=ids), paid_plan_features(day, accounts=ids)
    mean, mrr = mean_mrr(day - timedelta(days=28), day, accounts=ids), mrr_on(day, accounts=ids)
    currency = installation().currency
    recaps = {}
    for account in ids:
        main = rules.main_use(used[account].values())
        plan = paid.get(account)
        included = [f for f in features.values() if plan and (plan.everything or f.pk in plan.features)]
        recaps[account] = Recap(
            active=people[account][0] if account in people else 0,
            active_before=people[account][1] if account in people else 0,
            seats=seats.get(account),
            feature=main.name if main else "",
            unit=main.unit if main else "",
            amount=main.now if main else Decimal(0),
            amount_before=main.before if main else Decimal(0),
            per_unit=rules.per_unit(mean.get(account), main.now) if main else None,
            currency=currency,
            mrr=mrr.get(account),
            unused=rules.unused([_use(f, 0, 0, 0, 0) for f in included], used[account]),
        )
    return recaps


def _use(feature: Feature, uses: int, before: int, amount: int, amount_before: int) -> Use:
    now, then = (Decimal(uses), Decimal(before))
    if feature.counts_amount:
        now, then = Decimal(amount) / rules.MICRO, Decimal(amount_before) / rules.MICRO
    return Use(feature.pk, feature.name, feature.unit, feature.is_key, feature.threshold, now, then)


def _rows(name: str, accounts: list[int], day: date, **more: int) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, name), {"accounts": accounts, "day": day, **more})
        rows: list[tuple[int, ...]] = cursor.fetchall()
    return rows


def template_for(key: str, language: str) -> MessageTemplate | None:
    """The template in the language, else in English; null when there is none."""
    found = {t.language: t for t in MessageTemplate.objects.filter(key=key, language__in=[language, "en"])}
    return found.get(language) or found.get("en")
