"""The account page: how it is, why, what they get for what they pay, and what to do next. Twelve queries at most."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.actions import may_write
from crm.accounts.models import GONE, Account
from crm.contacts.models import ContactRole
from crm.contacts.rules import masked_name
from crm.conversations.models import Channel
from crm.goals.queries import Progress
from crm.lib.prepared import prepared_cursor
from crm.lib.sql_files import load
from crm.promises import queries as promises
from crm.promises.views import Told, now_standing, people_words
from crm.staff.views import Request, needs
from crm.subscriptions.queries import Trouble
from crm.templatetags.ui import ago, money, number
from crm.templatetags.ui import day as day_words
from retention.forecasts.models import Category
from retention.measures.queries import KINDS
from retention.messages.queries import Consumption, Standing, consumption, recap_of, standings
from retention.messages.rules import Recap
from retention.onboarding.queries import Stood
from retention.outcomes.queries import story
from retention.overrides.queries import Held as Override
from retention.pages import telling
from retention.pages.next_step import draft_context, next_step, progress_words
from retention.pages.seen import seen_account
from retention.pages.table import in_days
from retention.pulses.queries import Held as Pulse
from retention.scores.models import Band
from retention.scores.queries import Component, Why, why

CURVE_DAYS, USE_DAYS, NEWS_DAYS, PEOPLE = 182, 84, 30, 6
H = TypeVar("H")
ROLES = [ContactRole.CHAMPION, ContactRole.DECISION_MAKER, ContactRole.USER, ContactRole.BILLING]


@needs("read")
def account(request: Request, pk: int) -> HttpResponse:
    of, day = seen_account(request, pk), request.now.date()
    found, told = why(pk), story(pk, day - timedelta(days=CURVE_DAYS), day)
    used, standing = consumption([pk], day, span=USE_DAYS).get(pk, Consumption()), standings([pk], day)[pk]
    may = may_write(of, by=request.user)
    context = {
        "account": of,
        "cover": [cover_words(name, until, request.now) for name, until in of.stand_ins],
        "may_write": may,
        "may_record": request.user.may("read_contact_data"),
        "facts": facts(of, standing, day),
        "people": people(of, request),
        "value": value(recap_of(used, standing), standing),
        "days": drawn_days(used, day),
        "lines": telling.lines(told.events, request.user),
        **_health(of, found, day),
        **_next(of, request, may=may),
        "pulse": pulse(of.pulse),
        "history": telling.curve(told.history, found),
        "events": telling.marks(told.events, day - timedelta(days=CURVE_DAYS), request.user),
        "onboarding": of.onboarding if of.onboarding and is_news(of.onboarding, day) else None,
        "goals": goals(of.goals, day),
        "troubles": troubles(of.troubles),
        "promises": promised(of, request, may=may),
        "waiting": waiting(of.waiting, request),
        "tasks": tasks(of.tasks, request, may=may, day=day),
        "traits": traits(of.traits),
    }
    return render(request, "retention/account.html", context)


def cover_words(name: str, until: str, now: datetime) -> str:
    """Who looks after the account while its owner is away."""
    return _("%(name)s covers until %(day)s") % {"name": name, "day": day_words(date.fromisoformat(until), now)}


def traits(held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What else is known, in words: label, value with its unit, since when, and the definition to change it by."""
    return [
        {
            "pk": row["id"],
            "label": row["label"],
            "value": f"{_value(row)} {row['unit']}".strip(),
            "since": day_words(datetime.fromisoformat(row["at"])),
        }
        for row in held
    ]


def _value(row: dict[str, Any]) -> str:
    if row["number"] is not None:
        value = Decimal(str(row["number"])).normalize()
        return number(value, max(0, -int(value.as_tuple().exponent)))
    if row["flag"] is not None:
        return _("yes") if row["flag"] else _("no")
    return day_words(date.fromisoformat(row["day"])) if row["day"] else str(row["text"])


def is_news(stood: Stood, day: date) -> bool:
    """Whether an onboarding goes on, or came to its end not long ago."""
    return stood.is_going or (day - (stood.last_on or stood.seen_on)).days <= NEWS_DAYS


def pulse(held: dict[str, Any] | None) -> Pulse | None:
    """The last pulse, whether or not it still counts."""
    return _dated(held, Pulse, "on", "valid_until") if held else None


def _dated(held: dict[str, Any], kind: Callable[..., H], *days: str) -> H:
    """A row of JSON as what its noun reads it as."""
    values = held | {name: date.fromisoformat(held[name]) for name in days}
    return kind(pk=values.pop("id"), **values)


def goals(held: list[dict[str, Any]], day: date) -> list[Progress]:
    """Goals with how far they have come, the first due first."""
    days, figures = ("since", "set_on", "due_on"), ("baseline", "target", "value")
    return [
        Progress(
            **row
            | {name: date.fromisoformat(row[name]) for name in days}
            | {name: None if row[name] is None else Decimal(str(row[name])) for name in figures},
            day=day,
        )
        for row in held
    ]


def troubles(held: list[dict[str, Any]]) -> list[Trouble]:
    """Payments that failed or are disputed and not settled, the longest first."""
    return [Trouble(**row | {"since": date.fromisoformat(row["since"])}) for row in held]


def promised(of: Any, request: Request, *, may: bool) -> list[Told]:
    """Open promises in words, the earliest first."""
    today, plain = promises.local_day(of, request.now), request.user.may("read_contact_data")
    told = []
    for row in of.promises:
        stands = now_standing("open", date.fromisoformat(row["due_on"]), None, today)
        who = people_words(row["maker"], row["contact"], plain=plain)
        told.append(Told(row["id"], row["text"], stands, who, of, today, may))
    return told


def tasks(held: list[dict[str, Any]], request: Request, *, may: bool, day: date) -> list[dict[str, Any]]:
    """Open tasks in words, earliest first; who may settle each."""
    return [
        {
            "pk": row["id"],
            "title": _(row["title"]),
            "due": due_in_words(date.fromisoformat(row["due_on"]), day),
            "assignee": row["assignee"] or "",
            "may": may or row["assignee_id"] == request.user.pk,
        }
        for row in held
    ]


def waiting(held: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """Conversations in which it is our turn, the one that is due first first, with by when and who answers."""
    found = []
    for row in held:
        due_at = datetime.fromisoformat(row["due_at"]) if row["due_at"] else None
        title = row["subject"] or Channel(row["channel"]).label
        late = due_at is not None and due_at < request.now
        found.append({"pk": row["id"], "title": title, "due_at": due_at, "late": late, "who": row["responder"] or ""})
    return found


def due_in_words(on: date, today: date) -> str:
    if on == today:
        return _("today")
    return day_words(on, today) if on > today else _("late, %(day)s") % {"day": day_words(on, today)}


def facts(of: Account, standing: Standing, day: date) -> list[str]:
    """The line below the name: plan and seats, price, renewal, since when."""
    words = []
    if standing.plans or standing.seats:
        seats = ngettext("%(n)s seat", "%(n)s seats", standing.seats or 0) % {"n": number(standing.seats)}
        plan = _("%(plan)s plan") % {"plan": standing.plans} if standing.plans else ""
        words.append(", ".join(part for part in (plan, seats if standing.seats else "") if part))
    if standing.mrr is not None:
        words.append(_("%(price)s a month") % {"price": money(_cents(standing.mrr), standing.currency)})
    elif standing.is_paid:
        words.append(_("no exchange rate for the price"))
    if standing.renews_on:
        renews = {"day": day_words(standing.renews_on, day), "in": in_days(standing.renews_on, day)}
        words.append(_("renews %(day)s, %(in)s") % renews)
        if standing.notice_on and standing.notice_on >= day:
            words.append(_("notice by %(day)s") % {"day": day_words(standing.notice_on, day)})
        if expected := getattr(of, "outlook", ""):
            words.append(_("forecast: %(what)s") % {"what": Category(expected).label})
    if standing.churned_on and of.stage in GONE:
        words.append(_("left %(day)s") % {"day": day_words(standing.churned_on, day)})
    elif since := of.customer_since or standing.started_on:
        words.append(_("customer since %(day)s") % {"day": day_words(since)})
    return words


def _cents(amount: Any) -> Any:
    return amount.quantize(amount.__class__("0.01"))


def _health(of: Any, found: Why | None, day: date) -> dict[str, Any]:
    if found is None:
        return {"why": None, "score": None}
    change: int | None = of.change
    today = found.day >= day
    by_hand = _dated(of.override, Override, "on", "until") if of.override else None
    score = {
        "points": found.points,
        "band": Band(by_hand.band).word if by_hand else found.band.word,
        "computed": found.band.word if by_hand else "",
        "change": change,
        "change_days": of.change_days,
        "coverage": found.coverage / 1000,
        "worst": found.low,
        "best": found.high,
    }
    about = _("100 is thriving · today, from usage through yesterday")
    if not today:
        days = {"day": day_words(found.day, day), "through": day_words(found.day - timedelta(days=1), day)}
        about = _("100 is thriving · as of %(day)s, from usage through %(through)s") % days
    return {
        "why": found,
        "score": score,
        "by_hand": by_hand,
        "about": about,
        "until": day if today else found.day,
        "limits": tuple(limit // 10 for limit in found.limits),
        "meters": meters(found, of.pk),
        "missing": [(part.name, part.missing) for part in found.components if part.missing],
        "too_little": found.points is None and found.coverage < found.minimum_coverage,
    }


def meters(found: Why, account: int) -> list[dict[str, Any]]:
    """Each measure, with the way to the rows that add up to its reading."""
    return [
        {
            "name": part.name,
            "url": rows_of(part, account),
            "points": part.points,
            "band": part.band.word,
            "value": part.words if part.points is not None else "",
        }
        for part in found.components
    ]


def rows_of(part: Component, account: int) -> str:
    rows = KINDS[part.kind].rows
    return reverse(rows, args=[account]) if rows else reverse("account-reading", args=[account, part.key])


def value(recap: Recap, standing: Standing) -> list[dict[str, str]]:
    """The three figures of what they get for what they pay."""
    stats = []
    if recap.feature:
        words = {"feature": recap.feature, "before": number(recap.amount_before)}
        amount = f"{number(recap.amount)} {recap.unit or _('uses')}"
        stats.append({"figure": amount, "words": _("%(feature)s in 28 days, %(before)s in the 28 before") % words})
    if recap.per_unit is not None:
        unit = {"unit": recap.unit or _("uses")}
        price = money(recap.per_unit, recap.currency)
        stats.append({"figure": price, "words": _("is what each of these %(unit)s cost them") % unit})
    if standing.plans:
        unused = _("%(n)s paid, unused") % {"n": number(len(recap.unused))}
        words_ = ", ".join(recap.unused) or _("Every key feature of the plan is in use")
        stats.append({"figure": unused, "words": words_})
    return stats


def drawn_days(used: Consumption, day: date) -> list[tuple[date, float]]:
    """Uses of each of the last twelve weeks' days; nothing when there were none."""
    span = [day - timedelta(days=back) for back in range(USE_DAYS, 0, -1)]
    return [(each, used.days.get(each, 0)) for each in span] if any(used.days.values()) else []


def people(of: Account, request: Request) -> dict[str, Any]:
    """Who is there, those still there and deciding first, with when they were last seen in the product."""
    parameters: dict[str, Any] = {"account": of.pk, "roles": [str(role) for role in ROLES], "limit": PEOPLE}
    with prepared_cursor() as cursor:
        cursor.execute(load(__file__, "people"), parameters)
        rows = cursor.fetchall()
    return {"rows": [_person(request, *row[:6]) for row in rows], "known": rows[0][6] if rows else 0}


def _person(
    request: Request, pk: int, name: str, job_title: str, role: str, left_on: date | None, seen_at: datetime | None
) -> dict[str, str]:
    word = str(ContactRole(role).label)
    detail = f"{job_title}, {word.lower()}" if job_title else word
    if left_on:
        detail = _("%(role)s, left %(day)s") % {"role": word, "day": day_words(left_on, request.now)}
    plain = request.user.may("read_contact_data")
    side = "" if left_on else last_seen(seen_at, request)
    url = reverse("contact", args=[pk])
    return {"name": name if plain else masked_name(name), "url": url, "detail": detail, "side": side}


def last_seen(at: datetime | None, request: Request) -> str:
    if at is None:
        return ""
    return _("active today") if at.date() == request.now.date() else ago(at.date(), request.now)


def _next(of: Any, request: Request, *, may: bool) -> dict[str, Any]:
    step = next_step(of, draft=of.draft, task=of.tasks[0]["id"] if of.tasks else None, at=request.now)
    plain = request.user.may("read_contact_data")
    draft = None
    if step.draft and step.review and plain:
        draft = draft_context(step.draft, step.review, request.user, may_write=may)
    if task := step.task:
        task.said, task.may = _(task.title), may or task.assignee_id == request.user.pk  # type: ignore[attr-defined]
    return {
        "step": step,
        "draft": draft,
        "hidden_draft": step.draft is not None and not plain,
        "progress": progress_words(step.progress),
        "due": due_words(step.due_on, request),
        "pin_open": may and not step.draft and not step.task and not of.next_step,
    }


def due_words(on: date | None, request: Request) -> str:
    """The chip beside "Next step": due today, overdue, due on a day; empty when nothing is due."""
    today = request.now.date()
    if on is None:
        return ""
    if on <= today:
        return _("due today") if on == today else _("due since %(day)s") % {"day": day_words(on, today)}
    return _("due %(day)s") % {"day": day_words(on, today)}
