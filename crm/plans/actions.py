"""What happens to features and plans. Both are configuration: only those who may configure change them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields, clearly
from crm.plans.models import Feature, Plan
from crm.staff.actions import require

FEATURE_FIELDS = frozenset(("name", "is_key", "counts_amount", "unit", "threshold"))
PLAN_FIELDS = frozenset(("name", "includes_everything"))
FEATURE_TAKEN = {"crm_feature_key_key": ("key", _("Another feature has this key. Choose another one."))}
PLAN_TAKEN = {"crm_plan_external_id_key": ("external_id", _("Another plan has this external id. Choose another one."))}


@transaction.atomic
def create_feature(*, key: str, name: str, at: datetime, by: Actor, **more: Any) -> Feature:
    require("configure", by=by)
    _known(more, FEATURE_FIELDS)
    feature = Feature(key=key, name=name, **more)
    _check(feature)
    with clearly(FEATURE_TAKEN):
        feature.save(force_insert=True)
    audit.record("feature.created", feature, at=at, by=by, after={"key": key, "name": name} | more)
    return feature


@transaction.atomic
def change_feature(feature: Feature, *, at: datetime, by: Actor, **new: Any) -> Feature:
    """Change a feature; its key stays, since events, imports and plans name it by that."""
    require("configure", by=by)
    _known(new, FEATURE_FIELDS)
    feature = Feature.objects.select_for_update().get(pk=feature.pk)
    before, after = audit.changes(feature, new)
    for name, value in new.items():
        setattr(feature, name, value)
    _check(feature)
    if after:
        feature.save(update_fields=list(after))
        audit.record("feature.changed", feature, at=at, by=by, before=before, after=after)
    return feature


def _check(feature: Feature) -> None:
    check_fields(feature)
    if feature.threshold < 1:
        raise ValidationError({"threshold": _("Meaningful use begins at 1 or more.")})


@transaction.atomic
def create_plan(
    *,
    external_id: str,
    name: str,
    features: Iterable[Feature] = (),
    includes_everything: bool = False,
    at: datetime,
    by: Actor,
) -> Plan:
    require("configure", by=by)
    plan = Plan(external_id=external_id, name=name, includes_everything=includes_everything)
    check_fields(plan)
    with clearly(PLAN_TAKEN):
        plan.save(force_insert=True)
    plan.features.set(features)
    after = {"external_id": external_id, "name": name, "includes_everything": includes_everything}
    audit.record("plan.created", plan, at=at, by=by, after=after | {"features": _keys(plan)})
    return plan


@transaction.atomic
def change_plan(plan: Plan, *, features: Iterable[Feature] | None = None, at: datetime, by: Actor, **new: Any) -> Plan:
    """Change a plan; `features` None leaves the list as it is."""
    require("configure", by=by)
    _known(new, PLAN_FIELDS)
    plan = Plan.objects.select_for_update().get(pk=plan.pk)
    before, after = audit.changes(plan, new)
    for name, value in new.items():
        setattr(plan, name, value)
    check_fields(plan)
    plan.save()
    if features is not None:
        listed = _keys(plan)
        plan.features.set(features)
        if listed != _keys(plan):
            before, after = before | {"features": listed}, after | {"features": _keys(plan)}
    if after:
        audit.record("plan.changed", plan, at=at, by=by, before=before, after=after)
    return plan


def _keys(plan: Plan) -> list[str]:
    return list(plan.features.order_by("key").values_list("key", flat=True))


def _known(new: dict[str, Any], fields: frozenset[str]) -> None:
    if unknown := set(new) - fields:
        raise TypeError(f"Not a field to be changed: {', '.join(sorted(unknown))}")
