"""What a file presupposes: the traits that its columns name, and the features of crm5."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from crm.accounts.actions import define_trait
from crm.audit.rules import Actor
from crm.imports import queries, rules
from crm.plans.actions import create_feature
from crm.plans.models import Feature
from crm.staff.actions import require
from crm.usage.actions import event_ids
from crm.usage.models import EventName


@transaction.atomic
def define_traits(types: Mapping[str, str], *, at: datetime, by: Actor) -> None:
    """Define the traits (key → type) that are not defined yet, as proposals that an admin may rename or retype."""
    require("import", by=by)
    for key in sorted(queries.undefined_traits(types.keys())):
        label = key.replace("_", " ").strip().capitalize()
        define_trait(key=key, label=label[:120], type=types[key], proposed=True, at=at, by=by)


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
