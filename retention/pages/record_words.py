"""The record in words: who did what to whom as a sentence, and what it was before and after one click away."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from crm.accounts.models import Account, Stage
from crm.audit.models import AuditRow
from crm.conversations.models import Channel, ConversationState
from crm.exports.rules import EXPORTS
from crm.lib.formats import Count
from crm.staff.models import Role, Team, User
from crm.templatetags.ui import day as day_words
from crm.templatetags.ui import moment
from retention.forecasts.models import Category
from retention.pages.record_sentences import SENTENCES

# The page of a row, by its kind; what has none is only named.
PAGES = {
    "account": "account", "outboundmail": "mail", "followup": "draft", "source": "source", "survey": "survey",
    "plan": "plan-edit", "feature": "feature-edit", "user": "person", "team": "team", "contact": "contact",
    "task": "task-edit", "segment": "segment-edit", "savedview": "view-edit",
}  # fmt: skip
# What a row is called that has no name of its own in the record, since that might name a person.
KINDS: dict[str, str | Promise] = {
    "account": gettext_lazy("an account"),
    "contact": gettext_lazy("a contact"),
    "outboundmail": gettext_lazy("a mail"),
    "followup": gettext_lazy("a draft"),
    "task": gettext_lazy("a task"),
    "promise": gettext_lazy("a promise"),
    "goal": gettext_lazy("a goal"),
    "pulse": gettext_lazy("a pulse"),
    "notneeded": gettext_lazy("a feature left out"),
    "override": gettext_lazy("a health set by hand"),
    "segment": gettext_lazy("a segment"),
    "savedview": gettext_lazy("a view"),
    "user": gettext_lazy("somebody"),
    "conversation": gettext_lazy("a conversation"),
}
# Values that are ids, by their names.
IDS = {
    **dict.fromkeys(("owner", "covering", "covered", "assignee", "sender", "giver", "taker", "from", "to"), "user"),
    "promised_by": "user",
    **dict.fromkeys(("pool", "team"), "team"),
    **dict.fromkeys(("account", "merged_into"), "account"),
}
CHOICES: dict[str, Mapping[Any, Any]] = {
    "stage": dict(Stage.choices), "role": dict(Role.choices), "category": dict(Category.choices),
    "channel": dict(Channel.choices), "state": dict(ConversationState.choices),
}  # fmt: skip
FIELDS: dict[str, str | Promise] = {
    "name": gettext_lazy("Name"), "email": gettext_lazy("Email"), "phone": gettext_lazy("Phone"),
    "job_title": gettext_lazy("Job title"), "role": gettext_lazy("Role"), "team": gettext_lazy("Team"),
    "language": gettext_lazy("Language"), "time_zone": gettext_lazy("Time zone"), "currency": gettext_lazy("Currency"),
    "segment": gettext_lazy("Segment"), "tags": gettext_lazy("Tags"), "domains": gettext_lazy("Domains"),
    "dates": gettext_lazy("Dates"), "theme": gettext_lazy("Appearance"), "density": gettext_lazy("Rows"),
    "stage": gettext_lazy("Stage"), "owner": gettext_lazy("Owner"), "next_step": gettext_lazy("Next step"),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A row of the record as people read it: `changes` are (name, before, after)."""

    row: AuditRow
    sentence: SafeString
    changes: list[tuple[str, str, str]]


def told(rows: list[AuditRow], *, user: User, now: datetime) -> list[Line]:
    """With the names of people, teams and accounts in place of their ids; three queries at most."""
    words = Words(rows, user, now)
    return [Line(row, words.sentence(row), words.changes(row)) for row in rows]


class Words:
    """The names that the rows of one page need."""

    def __init__(self, rows: Iterable[AuditRow], user: User, now: datetime) -> None:
        self.now = now
        ids: dict[str, set[int]] = defaultdict(set)
        for row in rows:
            for name, value in [*row.before.items(), *row.after.items()]:
                if name in IDS and type(value) is int:
                    ids[IDS[name]].add(value)
        sources = {
            "user": User.objects.all(), "team": Team.objects.all(), "account": Account.objects.visible_to(user),
        }  # fmt: skip
        self.names = {
            (kind, pk): name
            for kind in ids
            for pk, name in sources[kind].filter(pk__in=ids[kind]).values_list("pk", "name")
        }

    def sentence(self, row: AuditRow) -> SafeString:
        """The first sentence of the action whose places are all known; without one its code and its object."""
        places = self._places(row)
        for text in SENTENCES.get(row.action, ()):
            try:
                return mark_safe(str(text % places))  # noqa: S308 - the text is ours, and each place is escaped
            except KeyError:
                continue
        return format_html("{} <code>{}</code> {}", places["who"], row.action, places["of"])

    def changes(self, row: AuditRow) -> list[tuple[str, str, str]]:
        names = dict.fromkeys([*row.before, *row.after])
        return [(name, str(self._value(name, row.before)), str(self._value(name, row.after))) for name in names]

    def _places(self, row: AuditRow) -> dict[str, str | Count]:
        names = dict.fromkeys([*row.before, *row.after])
        places = {f"was_{name}": self._value(name, row.before) for name in row.before}
        places |= {name: self._value(name, row.after) for name in row.after}
        places = {
            name: value if isinstance(value, Count) else conditional_escape(value)
            for name, value in places.items()
            if value != ""
        }
        places["who"], places["of"] = _who(row), _of(row)
        if names:
            places["fields"] = conditional_escape(", ".join(str(FIELDS.get(name, name)).lower() for name in names))
        return places

    def _value(self, name: str, side: Mapping[str, Any]) -> str | Count:
        value = side.get(name)
        if value is None or value == "":
            return ""
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, int):
            return self.names.get((IDS[name], value), "") if name in IDS else Count(value)
        if isinstance(value, list):
            return ", ".join(str(each) for each in value)
        if isinstance(value, str):
            return str(CHOICES[name].get(value, value)) if name in CHOICES else self._when(value)
        return str(value)

    def _when(self, value: str) -> str:
        """A day or an instant as its reader writes it; any other text as it stands."""
        try:
            if on := parse_date(value):
                return day_words(on, self.now)
            at = parse_datetime(value)
        except ValueError:
            return value
        return moment(localtime(at), self.now) if at and at.tzinfo else value


def _who(row: AuditRow) -> SafeString:
    """Who acts, as the subject of a sentence: in Korean the particle is part of the translation."""
    words = {"name": row.actor_label}
    if row.actor_kind == "system":
        said = pgettext("who acts", "Holdfast")
    elif row.actor_kind == "source":
        said = pgettext("who acts", "The source %(name)s") % words
    elif row.actor_kind == "respondent":
        said = pgettext("who acts", "A customer")
    else:
        said = pgettext("who acts", "%(name)s") % words
    if row.on_behalf_of:
        said = _("%(who)s, for %(name)s,") % {"who": said, "name": row.on_behalf_of}
    return format_html('<span class="who">{}</span>', said)


def _of(row: AuditRow) -> SafeString:
    if row.object_kind == "list" and row.object_id in EXPORTS:
        return conditional_escape(_(str(EXPORTS[row.object_id].label)))
    label = row.object_label or KINDS.get(row.object_kind) or f"{row.object_kind} {row.object_id}"
    url = address(row)
    return format_html('<a href="{}">{}</a>', url, label) if url else conditional_escape(str(label))


def address(row: AuditRow) -> str:
    try:
        return reverse(PAGES[row.object_kind], args=[int(row.object_id)])
    except (KeyError, ValueError, NoReverseMatch):
        return ""
