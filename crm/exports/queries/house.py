"""The lists beside the account book as files: what they are sorted and described by, and what went out."""

from collections.abc import Callable, Iterator
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db.models import F
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, TraitDefinition
from crm.accounts.queries import tag_counts
from crm.calendars.models import CalendarDay
from crm.conversations.models import ResponseTarget
from crm.exports.queries.book import streamed
from crm.exports.rules import Asked, Cell, Export, Table, number_in, tabled
from crm.lib.days import own_day
from crm.outbox.forms import MailFilter
from crm.outbox.models import OutboundMail
from crm.plans.models import Feature
from crm.segments import queries as segments
from crm.segments.queries import Unusable
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.usage.models import EventName, WindowEvent
from crm.webhooks.models import Delivery


def at(path: str) -> Callable[[Any], datetime | None]:
    """An instant on the reader's clock, to the second."""
    get = attrgetter(path)

    def cell(row: Any) -> datetime | None:
        value = get(row)
        return localtime(value).replace(microsecond=0) if value else None

    return cell


def usage(asked: Asked) -> Table:
    """What each account used in the last 28 days and in those before, as its page counts it."""
    seen = Account.objects.visible_to(asked.user).filter(merged_into=None)
    rows = WindowEvent.objects.filter(account__in=seen).select_related("account", "event__feature")
    return tabled(streamed(rows.order_by("account", "event")), USAGE)


USAGE: dict[str, Cell] = {
    "account": "account.external_id", "account_name": "account.name",
    "feature": lambda row: row.event.feature.name if row.event.feature else "", "event": "event.name",
    "uses_28_days": "uses_28", "uses_28_days_before": "before_28", "last_use_on": "last_day",
}  # fmt: skip


def features(_asked: Asked) -> Table:
    return tabled(Feature.objects.order_by("-is_key", "name", "pk"), FEATURE)


FEATURE: dict[str, Cell] = {
    "key": "key", "name": "name", "key_feature": "is_key", "counts_amount": "counts_amount", "unit": "unit",
    "meaningful_from": "threshold",
}  # fmt: skip


def traits(_asked: Asked) -> Table:
    return tabled(TraitDefinition.objects.order_by("-proposed", "label", "pk"), TRAIT)


TRAIT: dict[str, Cell] = {
    "key": "key", "label": "label", "type": lambda row: row.get_type_display(), "unit": "unit", "proposed": "proposed",
}  # fmt: skip


def tags(_asked: Asked) -> Table:
    return Table(["tag", "accounts"], tag_counts())


def segments_kept(asked: Asked) -> Table:
    return Table(["name", "owner", "shared", "says", "accounts"], _segments(asked.user, asked.now))


def _segments(user: User, now: datetime) -> Iterator[list[object]]:
    """In words as on the page; how many accounts, up to a thousand."""
    known, currency = segments.lists(user=user), ground_of(user).installation.currency
    rows, trees = list(segments.segments_of(user)), {}
    for row in rows:
        try:
            trees[row.pk] = segments.tree_of(row)
        except Unusable:
            continue
    counts = segments.counts(trees, user=user, day=own_day(now), known=known)
    for row in rows:
        says = segments.sentence(trees[row.pk], known, currency) if row.pk in trees else ""
        found = counts.get(row.pk)
        yield [row.name, row.owner.name, str(row.get_shared_display()), says, found.accounts if found else ""]


def events(asked: Asked) -> Table:
    rows = EventName.objects.select_related("feature").order_by(F("feature").asc(nulls_first=True), "name")
    if search := asked.state.get("q", "").strip()[:100]:
        rows = rows.filter(name__istartswith=search)
    return tabled(streamed(rows), EVENT)


EVENT: dict[str, Cell] = {
    "event": "name", "feature": lambda row: row.feature.name if row.feature else "", "counts_as_use": "is_use",
    "property_to_sum": "amount_property", "first_seen": at("first_seen_at"), "last_seen": at("last_seen_at"),
}  # fmt: skip


def calendar_days(_asked: Asked) -> Table:
    rows = CalendarDay.objects.select_related("calendar").order_by("calendar__name", "day", "own")
    return tabled(streamed(rows), CALENDAR_DAY)


CALENDAR_DAY: dict[str, Cell] = {
    "calendar": "calendar.name", "day": "day", "name": "name", "free": "free", "of_our_own": "own",
}  # fmt: skip


def response_targets(_asked: Asked) -> Table:
    rows = ResponseTarget.objects.select_related("plan").order_by(F("plan__name").asc(nulls_first=True), "channel")
    return tabled(rows, RESPONSE_TARGET)


RESPONSE_TARGET: dict[str, Cell] = {
    "plan": lambda row: row.plan.external_id if row.plan else "", "channel": "channel", "minutes": "minutes",
}  # fmt: skip


def mails(asked: Asked) -> Table:
    form = MailFilter(asked.state)
    form.is_valid()
    chosen = {name: form.cleaned_data.get(name) for name in ("state", "kind", "account")}
    rows = OutboundMail.objects.visible_to(asked.user).filter(**{name: each for name, each in chosen.items() if each})
    return tabled(streamed(rows.select_related("account", "signer").order_by("-pk")), MAIL)


MAIL: dict[str, Cell] = {
    "account": "account.external_id", "account_name": "account.name", "to_name": "to_name", "to": "to_address",
    "subject": "subject", "kind": lambda row: row.get_kind_display(), "signed_by": "signer.name",
    "state": lambda row: row.get_state_display(), "due": at("due_at"), "settled": at("settled_at"),
}  # fmt: skip


def deliveries(asked: Asked) -> Table:
    """The log of one webhook, newest first."""
    rows = Delivery.objects.filter(endpoint=number_in(asked.state, "webhook")).select_related("event")
    return tabled(streamed(rows.order_by("-pk")), DELIVERY)


DELIVERY: dict[str, Cell] = {
    "id": lambda row: str(row.event.message), "event": "event.kind", "happened": at("event.at"),
    "state": lambda row: row.get_state_display(),
    "tries": lambda row: [str(each.get("status") or each.get("word", "")) for each in row.tries],
    "settled": at("settled_at"),
}  # fmt: skip

EXPORTS = [
    Export("usage", _("Usage"), _("What each account used of each feature in the last 28 days."), usage),
    Export("features", _("Features"), _("What the product does, and from when on use of it is meaningful."), features),
    Export("traits", _("Traits"), _("What else is known about accounts, with its type and unit."), traits),
    Export("tags", _("Tags"), _("Words that accounts are marked with."), tags, ("export", "configure")),
    Export("segments", _("Segments"), _("Your filters and those shared with you, in words."), segments_kept),
    Export("events", _("Events"), _("Names that events came under, and the features they feed."), events,
           ("export", "read_sources")),
    Export("calendar-days", _("Holidays"), _("Days of each calendar that are not as their weekday."), calendar_days),
    Export("response-targets", _("First answers"), _("How soon customers hear from us, by channel."), response_targets),
    Export("mails", _("Mail"), _("What was sent, to whom and when; without the texts."), mails,
           ("export", "read_contact_data")),
    Export("webhook-log", _("Webhook log"), "", deliveries, ("manage_keys",), whole=False),
]  # fmt: skip
