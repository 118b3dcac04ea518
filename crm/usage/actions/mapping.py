"""Saying what events mean: which feature they feed, whether they count as use, and which property is summed."""

from collections.abc import Mapping
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.plans.models import Feature
from crm.staff.actions import require
from crm.usage.models import EventName
from crm.usage.queries import totals_over_events

Meaning = tuple[Feature | None, bool, str]


@transaction.atomic
def map_events(meanings: Mapping[str, Meaning], *, at: datetime, by: Actor) -> int:
    """Give event names their (feature, counts as use, property to sum); return how many changed.

    A name that has not come in yet is made, so that its first event counts already. A feature reaches back over
    all days, because roll-ups are by event name; use and property hold for what is counted from now on.
    Raises ValidationError in words, also where monthly totals of the feature cover days on which the event came in.
    """
    require("configure", by=by)
    known = {row.name: row for row in EventName.objects.select_for_update().filter(name__in=meanings).order_by("pk")}
    changed: list[int] = []
    for name, (feature, is_use, amount_property) in meanings.items():
        if len(amount_property) > 120:
            raise ValidationError(_("The property of %(name)s has more than 120 characters.") % {"name": name})
        row = known.get(name) or EventName(name=name, first_seen_at=at, last_seen_at=at)
        new = {"feature": feature, "is_use": is_use, "amount_property": amount_property}
        before, after = audit.changes(row, new)
        if row.pk and not after:
            continue
        for field, value in new.items():
            setattr(row, field, value)
        row.save()
        audit.record("event.mapped", row, at=at, by=by, before=before, after=after)
        changed.append(row.pk)
    both = totals_over_events(changed)
    if both:
        words = _(
            "%(event)s cannot feed %(feature)s: for %(account)s a monthly total of %(month)s covers days on which it "
            "has come in, and both would count. Undo the import of those totals first."
        )
        raise ValidationError(words % (both._asdict() | {"month": f"{both.month:%Y-%m}"}))
    return len(changed)
