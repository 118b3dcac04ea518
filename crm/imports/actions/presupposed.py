"""What a file presupposes: the traits that its columns name, and the features of crm5."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from crm.accounts.actions import define_trait
from crm.audit.rules import Actor
from crm.imports import queries, rules
from crm.plans.actions import create_feature
from crm.plans.models import Feature
from crm.staff.actions import require
from crm.usage.actions import event_ids, map_events
from crm.usage.models import EventName
from crm.usage.rules import TOTAL_OF


@transaction.atomic
def define_traits(types: Mapping[str, str], *, at: datetime, by: Actor) -> None:
    """Define the traits (key → type) that are not defined yet, as proposals that an admin may rename or retype."""
    require("import", by=by)
    for key in sorted(queries.undefined_traits(types.keys())):
        label = key.replace("_", " ").strip().capitalize()
        define_trait(key=key, label=label[:120], type=types[key], proposed=True, at=at, by=by)


@transaction.atomic
def total_events(names: Collection[str], *, at: datetime, by: Actor) -> dict[str, int]:
    """Event ids that monthly totals of these features (named by key or name) stand under; absent features are made.

    A feature made so counts from 1 use in 28 days on, until an admin says from when on its use is meaningful.
    """
    require("import", by=by)
    meant = features_named(names)
    made: dict[str, Feature] = {}
    for name in sorted(set(names) - meant.keys()):
        key = rules.key_of(name)
        made[key] = meant[name] = made.get(key) or create_feature(key=key, name=name[:120], at=at, by=by)
    wanted = {f"{TOTAL_OF}{feature.key}": feature for feature in meant.values()}
    have = dict(EventName.objects.filter(name__in=wanted).values_list("name", "pk"))
    map_events({name: (feature, True, "") for name, feature in wanted.items() if name not in have}, at=at, by=by)
    have = dict(EventName.objects.filter(name__in=wanted).values_list("name", "pk"))
    return {name: have[f"{TOTAL_OF}{feature.key}"] for name, feature in meant.items()}


def features_named(names: Collection[str]) -> dict[str, Feature]:
    """The features among these that are there, by what they are called: a name in any case, or a key."""
    known: dict[str, Feature] = {}
    for row in Feature.objects.all():
        known |= {row.name.casefold(): row, row.key: row}
    found = {name: known.get(name.casefold()) or known.get(rules.key_of(name)) for name in names}
    return {name: feature for name, feature in found.items() if feature}


@transaction.atomic
def define_crm5(*, currency: str, at: datetime, by: Actor) -> None:
    """Make the features of crm5 and map its events to them; what an admin has set since stays."""
    require("import", by=by)
    began = rules.CRM5_BEGINS_AT
    ids = event_ids({known.event: (began, began) for known in rules.CRM5_EVENTS}, at=at)
    features = {row.key: row for row in Feature.objects.all()}
    for known in rules.CRM5_EVENTS:
        sums = known.event in rules.CRM5_AMOUNTS
        feature = features.get(known.event) or create_feature(
            key=known.event,
            name=known.name,
            is_key=known.is_key,
            threshold=known.threshold,
            counts_amount=sums,
            unit=currency if sums else "",
            at=at,
            by=by,
        )
        EventName.objects.filter(pk=ids[known.event], feature=None).update(
            feature=feature, is_use=known.is_use, amount_property="value" if sums else ""
        )
