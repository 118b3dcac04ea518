"""Marking a feature as not needed by an account, and taking that back; both append."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.imports.actions.appending import append_new
from crm.imports.rules import Touched
from crm.lib import doorbell
from crm.lib.constraints import check_fields
from crm.lib.gate import Refused
from crm.plans.models import Feature
from crm.staff.models import User
from retention.measures.models import NotNeeded
from retention.measures.queries import not_needed


@transaction.atomic
def spare(
    account: Account, *, feature: Feature, reason: str, at: datetime, by: User, until: date | None = None
) -> NotNeeded:
    """Let a feature leave breadth, unused features and recaps of the account, through `until` (None: for good)."""
    account = require_write(account, by=by)
    errors = {}
    if not reason.strip():
        errors["reason"] = _("Say why, so that whoever looks next understands it.")
    if until is not None and until < at.date():
        errors["until"] = _("Choose today or a later day.")
    if errors:
        raise ValidationError(errors)
    row = _appended(account, feature, reason.strip(), until, at, by)
    after = {"account": account.pk, "feature": feature.key, "until": until, "reason": audit.said(row.reason)}
    audit.record("feature.spared", row, at=at, by=by, after={name: value for name, value in after.items() if value})
    return row


@transaction.atomic
def need_again(account: Account, *, feature: Feature, at: datetime, by: User) -> bool:
    """Count the feature again from today on. False when it was not left out."""
    account = require_write(account, by=by)
    if (account.pk, feature.pk) not in not_needed(at.date(), accounts=[account.pk]):
        return False
    row = _appended(account, feature, "", None, at, by)
    audit.record("feature.needed_again", row, at=at, by=by, after={"account": account.pk, "feature": feature.key})
    return True


def _appended(account: Account, feature: Feature, reason: str, until: date | None, at: datetime, by: User) -> NotNeeded:
    row = NotNeeded(account=account, feature=feature, reason=reason, on=at.date(), until=until, recorded_at=at, by=by)
    check_fields(row)
    row.save(force_insert=True)
    doorbell.ring("pipeline")
    return row


def import_spared(rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Features not needed from a file, appended; what stands already (account, feature, days and reason) stays.

    Runs in the transaction of `crm.imports`, whose run leaves the audit row.
    """
    features = dict(Feature.objects.values_list("key", "pk"))

    def build(row: Mapping[str, Any]) -> NotNeeded:
        if row["feature"] not in features:
            raise Refused(gettext_noop("There is no feature with the key {key}."), key=row["feature"])
        return NotNeeded(
            account_id=row["account_id"], feature_id=features[row["feature"]], reason=row.get("reason", ""),
            on=row["on"], until=row.get("until"), recorded_at=at, by_id=row.get("by"),
        )  # fmt: skip

    held = NotNeeded.objects.system("an import compares what is not needed")
    return append_new(rows, build, held=held, alike=("account_id", "feature_id", "on", "until", "reason"))
